import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, it } from "node:test";
import { createFirstObjects } from "../../../components/standalone/first-objects.ts";
import { gatesHealthy, waitForApis } from "../../../components/standalone/wait.ts";
import { perform, withCloud, type FakeOpenStack } from "../../support/openstack.ts";
import { certificatesOf } from "../../support/tls.ts";

const TENANT = "10.100.0.0/16";

const create = (cloud: FakeOpenStack) =>
  perform(createFirstObjects, { ...cloud.cloud, tenantCidr: TENANT });

describe("a new cloud's first objects", { concurrency: true }, () => {
  it("are what a first server needs, made once", () =>
    withCloud(async (cloud) => {
      const { result } = await create(cloud);
      assert.deepEqual(result, { network: "private", flavor: "tiny", image: "simulated" });
      assert.deepEqual(
        cloud.networks.map(({ name }) => name),
        ["private"],
      );
      assert.deepEqual(
        cloud.subnets.map(({ network_id, cidr }) => [network_id, cidr]),
        [[cloud.networks[0]?.id, TENANT]],
      );
      assert.deepEqual(cloud.flavors, [{ name: "tiny", public: true }]);
      const [image] = cloud.images;
      assert.deepEqual([image?.name, image?.status], ["simulated", "active"]);
      assert.ok(image!.bytes > 0);

      const made = cloud.changes().length;
      await create(cloud);
      assert.equal(cloud.changes().length, made);
    }));

  it("stay as the user changed them", () =>
    withCloud(async (cloud) => {
      await create(cloud);
      cloud.subnets[0]!.cidr = "192.168.7.0/24";
      cloud.flavors[0]!.public = false;
      const made = cloud.changes().length;
      await create(cloud);
      assert.equal(cloud.changes().length, made);
    }));

  it("are completed where an earlier run was cut off", () =>
    withCloud(async (cloud) => {
      await create(cloud);
      cloud.subnets = [];
      Object.assign(cloud.images[0]!, { status: "queued", bytes: 0 });
      await create(cloud);
      assert.deepEqual(
        [cloud.networks.length, cloud.subnets.length, cloud.images.length],
        [1, 1, 1],
      );
      assert.equal(cloud.images[0]?.status, "active");
    }));

  it("fail with what the API said", () =>
    withCloud(async (cloud) => {
      cloud.failures.push({ call: "POST network/v2.0/networks", answer: 409, times: 1 });
      await assert.rejects(
        create(cloud),
        /POST .*\/v2\.0\/networks answered 409: the service is busy/,
      );
    }));
});

describe("waiting for the APIs", { concurrency: true }, () => {
  const endpointsOf = (cloud: FakeOpenStack) => ({
    keystone: `${cloud.url}/identity/v3`,
    nova: `${cloud.url}/compute/`,
    placement: `${cloud.url}/placement/`,
  });

  function withConductors(cloud: FakeOpenStack): void {
    for (const binary of ["nova-scheduler", "nova-conductor"]) {
      cloud.services.push({
        id: binary,
        binary,
        host: binary,
        status: "enabled",
        state: "up",
        forced_down: false,
        disabled_reason: null,
        updated_at: "2026-01-01T12:00:00.000000",
      });
    }
  }

  /** A program that prints the lines given. */
  const gates = (...lines: string[]) => ["printf", "%s\\n", ...lines];

  const wait = (
    cloud: FakeOpenStack,
    signal = AbortSignal.timeout(10_000),
    inspectGates = gates("lab-mariadb healthy 2026-01-01T11:59:59.123456789Z"),
    inspectReporting = gates(),
  ) =>
    perform(
      waitForApis,
      { ...cloud.cloud, endpoints: endpointsOf(cloud), inspectGates, inspectReporting },
      { signal },
    );

  it("takes no report for one that is older than what the service rests on", () =>
    withCloud(async (cloud) => {
      withConductors(cloud);
      const restarted = gates("lab-rabbitmq healthy 2026-01-01T12:00:01Z");
      await assert.rejects(wait(cloud, AbortSignal.timeout(1500), restarted));
      setTimeout(() => {
        for (const each of cloud.services) each.updated_at = "2026-01-01T12:00:02.000000";
      }, 500);
      await wait(cloud, AbortSignal.timeout(10_000), restarted);
    }));

  it("takes no report for one that is older than who reports, and does not ask another for a new one", () =>
    withCloud(async (cloud) => {
      withConductors(cloud);
      const inspect = [
        gates("lab-rabbitmq healthy 2026-01-01T11:00:00Z"),
        gates(
          "nova-scheduler 2026-01-01T11:59:59.5Z",
          "nova-conductor 2026-01-01T12:00:00.123456789Z",
        ),
      ] as const;
      await assert.rejects(wait(cloud, AbortSignal.timeout(1500), ...inspect));
      setTimeout(() => {
        cloud.services[1]!.updated_at = "2026-01-01T12:00:06.000000";
      }, 500);
      await wait(cloud, AbortSignal.timeout(10_000), ...inspect);
    }));

  it("asks nobody before the services that others rest on are healthy, and names them", () =>
    withCloud(async (cloud) => {
      withConductors(cloud);
      const reports: string[] = [];
      await assert.rejects(
        perform(
          waitForApis,
          {
            ...cloud.cloud,
            endpoints: endpointsOf(cloud),
            inspectGates: gates(
              "lab-mariadb healthy 2026-01-01T11:00:00Z",
              "lab-rabbitmq starting 2026-01-01T11:00:00Z",
            ),
          },
          { signal: AbortSignal.timeout(1000), report: (line) => reports.push(line) },
        ),
      );
      assert.deepEqual(reports, ["waiting for lab-rabbitmq (starting)"]);
      assert.deepEqual(cloud.requests, []);
    }));

  it("gives up on a service that ends again and again, and says where to look", () =>
    withCloud(async (cloud) => {
      const again = ["sh", "-c", 'echo "lab-mariadb starting $(date +%s.%N)"'];
      await assert.rejects(
        wait(cloud, AbortSignal.timeout(10_000), again),
        /^Error: lab-mariadb was started 6 times and does not get healthy: `docker logs --tail 20 lab-mariadb` says why$/,
      );
      assert.deepEqual(cloud.requests, []);
    }));

  it("gives up on a service that runs and stays unhealthy, and not on one that recovers", async (test) => {
    const never = new AbortController().signal;
    const ill = ["echo", "lab-mariadb unhealthy 2026-11-26T10:00:00Z"];
    await assert.rejects(
      gatesHealthy(ill, () => {}, never, 100),
      /^Error: lab-mariadb runs and does not get healthy: `docker logs --tail 20 lab-mariadb` says why$/,
    );
    // Each change takes four seconds: unhealthy for eight in all, never for five on end.
    test.mock.timers.enable({ apis: ["Date"] });
    const folder = mkdtempSync(path.join(tmpdir(), "overcloud-gates-"));
    const states = "unhealthy starting unhealthy healthy";
    const script = `cd ${folder}; echo >>looks; set -- ${states}; shift $(($(wc -l <looks) - 1)); echo "lab-mariadb $1 2026-11-26T10:00:00Z"`;
    const later = () => test.mock.timers.tick(4000);
    const ready = await gatesHealthy(["sh", "-c", script], later, never, 5000);
    assert.equal(ready, Date.parse("2026-11-26T10:00:00Z"));
    rmSync(folder, { recursive: true });
  });

  it("ends when every one answers and nova's other services have reported", () =>
    withCloud(async (cloud) => {
      withConductors(cloud);
      assert.deepEqual((await wait(cloud)).result, { services: 5 });
    }));

  it("verifies who answers, where they speak TLS", () =>
    withCloud(async (cloud) => {
      withConductors(cloud);
      assert.deepEqual((await wait(cloud)).result, { services: 5 });
    }, certificatesOf()));

  it("goes on while one fails or is not there", () =>
    withCloud(async (cloud) => {
      withConductors(cloud);
      cloud.failures.push({ call: "GET placement/", answer: 503, times: 3 });
      const { reports } = await wait(cloud);
      assert.equal(cloud.requests.filter((call) => call === "GET placement/").length, 4);
      // What answered is not asked again.
      assert.equal(cloud.requests.filter((call) => call === "GET compute/").length, 1);
      assert.match(reports[0] ?? "", /^0 of 5 .*waiting for keystone, nova, placement, nova-sched/);
      assert.match(
        reports.at(-1) ?? "",
        /^3 of 5 services up; waiting for nova-scheduler, nova-cond/,
      );
    }));

  it("outlasts a nova that does not reach its cell yet, and says so once", () =>
    withCloud(async (cloud) => {
      withConductors(cloud);
      cloud.cellDown = true;
      setTimeout(() => (cloud.cellDown = false), 1200);
      const { reports, result } = await wait(cloud);
      assert.deepEqual(result, { services: 5 });
      const said = reports.filter((line) => line.includes("nova does not reach the database"));
      assert.equal(said.length, 1);
    }));

  it("goes on until scheduler and conductor are up", () =>
    withCloud(async (cloud) => {
      withConductors(cloud);
      cloud.services[1]!.state = "down";
      await assert.rejects(wait(cloud, AbortSignal.timeout(800)));
      setTimeout(() => (cloud.services[1]!.state = "up"), 500);
      await wait(cloud);
    }));

  it("outlasts a nova or a keystone that answers and is not ready yet", () =>
    withCloud(async (cloud) => {
      withConductors(cloud);
      cloud.failures.push(
        { call: "POST identity/", answer: 503, times: 1 },
        { call: "GET compute/v2.1/os-services", answer: 500, times: 2 },
        { call: "GET compute/v2.1/os-services", answer: 404, times: 1 },
      );
      assert.deepEqual((await wait(cloud)).result, { services: 5 });
    }));

  it("ends with its time where an API hangs", () =>
    withCloud(async (cloud) => {
      cloud.hangs = true;
      await assert.rejects(wait(cloud, AbortSignal.timeout(500)), { name: "TimeoutError" });
    }));
});
