import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { rmSync } from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";
import { AUTHORITY_FILE } from "../../../components/access/authority.ts";
import { leavingReason } from "../../../components/compute/departure.ts";
import { guardScaleDown } from "../../../components/compute/guard.ts";
import { deregister } from "../../../components/compute/registration.ts";
import { FakeOpenStack, perform, withCloud } from "../../support/openstack.ts";
import { certificatesOf } from "../../support/tls.ts";

type Policy = "refuse" | "evacuate" | "delete";

/** Takes out what has no container, of as many computes as no test here has more of. */
const removeGone = (cloud: FakeOpenStack, gone: string[], signal?: AbortSignal) =>
  perform(
    deregister,
    { ...cloud.cloud, computes: COMPUTES, inspectComputes: [containersOf(gone)] },
    signal && { signal },
  );

const remove = (
  cloud: FakeOpenStack,
  host: string,
  scaleDown: Policy = "refuse",
  signal?: AbortSignal,
) => removeGone(leaving(cloud, host, scaleDown), [host], signal).then(({ result }) => result);

const COMPUTES = 20;

/** A program that says of all computes but these that they have a container. */
const containersOf = (gone: string[]) => [
  "printf",
  "%s 2026-01-01T11:00:00Z\\n",
  ...Array.from({ length: COMPUTES }, (_, index) => `compute-${index}`).filter(
    (host) => !gone.includes(host),
  ),
];

/** As the guard leaves a compute behind. */
function leaving(cloud: FakeOpenStack, host: string, policy: Policy): FakeOpenStack {
  const service = cloud.services.find((each) => each.host === host);
  if (service)
    Object.assign(service, { status: "disabled", disabled_reason: leavingReason(policy) });
  return cloud;
}

const NOTHING = {
  services: [],
  hypervisors: [],
  agents: [],
  servers: [],
  providers: [],
  allocations: [],
};

describe("a removed compute", { concurrency: true }, () => {
  it("leaves nothing behind and takes nothing else along, however often it is removed", () =>
    withCloud(async (cloud) => {
      cloud.addComputes(3);
      cloud.addCompute("compute-10");
      cloud.addServer("a", "compute-1");
      // With OVN a host has a second agent where metadata is served.
      const [, , agent] = cloud.agents;
      cloud.agents.push({ ...agent!, id: "second", agent_type: "OVN Metadata agent" });
      const others = ["compute-0", "compute-1", "compute-10"];
      const before = others.map((host) => cloud.traces(host));

      assert.deepEqual(await remove(cloud, "compute-2"), { removed: ["compute-2"] });
      assert.deepEqual(cloud.traces("compute-2"), NOTHING);
      assert.deepEqual(await remove(cloud, "compute-2"), { removed: [] });
      assert.deepEqual(
        others.map((host) => cloud.traces(host)),
        before,
      );
    }));

  it("is finished where an earlier removal stopped halfway", () =>
    withCloud(async (cloud) => {
      cloud.addComputes(2);
      const { uuid } = cloud.provider("compute-1");
      cloud.services = cloud.services.filter(({ host }) => host !== "compute-1");
      cloud.hypervisors = cloud.hypervisors.slice(0, 1);
      cloud.agents = cloud.agents.slice(0, 1);
      cloud.allocations.set("moved", {
        project_id: "p",
        user_id: "u",
        generation: 4,
        resources: { [uuid]: { VCPU: 1 }, [cloud.provider("compute-0").uuid]: { VCPU: 1 } },
      });
      cloud.allocations.set("dead", {
        project_id: "p",
        user_id: "u",
        generation: 1,
        resources: { [uuid]: { VCPU: 2 } },
      });
      await remove(cloud, "compute-1");
      assert.deepEqual(cloud.traces("compute-1"), NOTHING);
      assert.deepEqual(
        [...cloud.allocations].map(([consumer, { resources }]) => [consumer, resources]),
        [["moved", { [cloud.provider("compute-0").uuid]: { VCPU: 1 } }]],
      );
    }));

  it("may be gone from neutron or placement a moment before it is deleted there", () =>
    withCloud(async (cloud) => {
      cloud.addComputes(2);
      cloud.failures.push(
        { call: "DELETE network/v2.0/agents/", answer: 404, times: 1 },
        { call: "DELETE compute/v2.1/os-services/", answer: 404, times: 1 },
        { call: "DELETE placement/resource_providers/", answer: 404, times: 1 },
      );
      assert.deepEqual(await remove(cloud, "compute-1"), { removed: ["compute-1"] });
    }));

  it("is one that has no container on any docker host, also where an operator had disabled it", () =>
    withCloud(async (cloud) => {
      cloud.addComputes(4);
      const reason = { status: "disabled", disabled_reason: "disk" } as const;
      for (const host of ["compute-1", "compute-2"]) Object.assign(cloud.service(host)!, reason);
      const inspectComputes = [
        ["echo", "compute-0 x"],
        ["printf", "compute-1 x\\ncompute-9 x\\n"],
      ];
      const args = { ...cloud.cloud, computes: 3, inspectComputes };
      assert.deepEqual((await perform(deregister, args)).result, { removed: ["compute-2"] });
      assert.deepEqual(
        cloud.services.map(({ host }) => host),
        ["compute-0", "compute-1", "compute-3"],
      );
      assert.equal(cloud.service("compute-1")?.disabled_reason, "disk");
    }));

  it("is not taken for gone where docker does not answer", () =>
    withCloud(async (cloud) => {
      cloud.addComputes(1);
      const inspectComputes = [["sh", "-c", "echo no daemon >&2; exit 1"]];
      await assert.rejects(
        perform(deregister, { ...cloud.cloud, computes: 1, inspectComputes }),
        /^Error: docker does not say which computes have a container: no daemon$/,
      );
      assert.ok(cloud.service("compute-0"));
    }));

  it("is one of many, and says how far they are", () =>
    withCloud(async (cloud) => {
      cloud.addComputes(20);
      const gone = Array.from({ length: 17 }, (_, index) => `compute-${index + 3}`);
      const { reports } = await removeGone(cloud, gone);
      assert.deepEqual(
        cloud.services.map(({ host }) => host),
        ["compute-0", "compute-1", "compute-2"],
      );
      assert.deepEqual(
        reports,
        [8, 16, 17].map((done) => `${done} of 17 computes taken out`),
      );
    }));

  it("is no longer taken for mapped once it is out, and out all the same where that fails", () =>
    withCloud(async (cloud) => {
      cloud.addComputes(3);
      const mark = `${cloud.marker}-unmapped`;
      const removed = async (gone: string[], unmapHosts: string[]) => {
        const inspectComputes = [containersOf(gone)];
        const args = { ...cloud.cloud, computes: COMPUTES, inspectComputes, unmapHosts };
        return await perform(deregister, args);
      };
      await removed([], ["touch", mark]);
      assert.ok(!existsSync(mark));
      await removed(["compute-2"], ["touch", mark]);
      assert.ok(existsSync(mark));
      const { result, reports } = await removed(
        ["compute-1", "compute-2"],
        ["sh", "-c", "echo no database >&2; exit 1"],
      );
      assert.deepEqual(result, { removed: ["compute-1"] });
      assert.match(reports.join(), /hosts could not be mapped to their cell: no database/);
      assert.deepEqual(cloud.traces("compute-1"), NOTHING);
    }));

  it("is tried again while nova still counts something on it", () =>
    withCloud(async (cloud) => {
      cloud.addComputes(2);
      cloud.failures.push({ call: "DELETE compute/v2.1/os-services/", answer: 409, times: 2 });
      await remove(cloud, "compute-1");
      assert.deepEqual(cloud.traces("compute-1"), NOTHING);
    }));

  it("is not taken for removed when an API fails", () =>
    withCloud(async (cloud) => {
      for (const call of [
        "GET compute/v2.1/os-services",
        "PUT compute/v2.1/os-services/",
        "GET network/v2.0/agents",
        "GET placement/resource_providers",
      ]) {
        cloud.addCompute("compute-1");
        cloud.failures.push({ call, answer: 500, times: 1 });
        await assert.rejects(remove(cloud, "compute-1"), /answered 500: the service is busy/, call);
        await remove(cloud, "compute-1");
        assert.deepEqual(cloud.traces("compute-1"), NOTHING);
      }
    }));
});

describe("servers on a removed compute", { concurrency: true }, () => {
  it("make the policy refuse fail by name, with nothing lost", () =>
    withCloud(async (cloud) => {
      cloud.addComputes(2);
      cloud.addServer("late", "compute-1", { project: "other" });
      await assert.rejects(
        remove(cloud, "compute-1", "refuse"),
        /compute-1 has servers .*\(late\)/,
      );
      assert.equal(cloud.servers.length, 1);
      assert.ok(cloud.service("compute-1"));
      assert.ok(cloud.provider("compute-1"));
      assert.equal(cloud.agents.length, 2);
    }));

  it("keep their own compute alone, and are named with all others that are kept", () =>
    withCloud(async (cloud) => {
      cloud.addComputes(4);
      cloud.addServer("late", "compute-1");
      const gone = ["compute-1", "compute-2", "compute-3"];
      await assert.rejects(removeGone(cloud, gone), /^Error: compute-1 has servers .*\(late\)/);
      for (const host of ["compute-2", "compute-3"]) assert.deepEqual(cloud.traces(host), NOTHING);
      cloud.addServer("other", "compute-0");
      await assert.rejects(
        removeGone(cloud, ["compute-0", ...gone]),
        /compute-0 has servers .*\(other\).*; compute-1 has servers .*\(late\)/,
      );
    }));

  it("are deleted by the policy delete, and only they", () =>
    withCloud(async (cloud) => {
      cloud.addComputes(2);
      cloud.addServer("stays", "compute-0");
      cloud.addServer("goes", "compute-1");
      cloud.addServer("broken", "compute-1", { status: "ERROR", project: "other" });
      await remove(cloud, "compute-1", "delete");
      assert.deepEqual(
        cloud.servers.map(({ name }) => name),
        ["stays"],
      );
      assert.deepEqual(cloud.traces("compute-1"), NOTHING);
    }));

  it("run elsewhere after the policy evacuate, and hold nothing on the old host", () =>
    withCloud(async (cloud) => {
      cloud.addComputes(3);
      // A server changes its host after this time, and runs there after twice as long.
      cloud.delayMs = 700;
      cloud.addServer("a", "compute-2");
      cloud.addServer("b", "compute-2", { status: "SHUTOFF" });
      await perform(guardScaleDown, {
        ...cloud.cloud,
        computes: 1,
        scaleDown: "evacuate",
        listComputes: [],
        marker: cloud.marker,
      });
      await removeGone(cloud, ["compute-1", "compute-2"]);
      // To the one that stays, not to one that is leaving too; and finished, not on their way.
      const here = cloud.provider("compute-0").uuid;
      for (const { name, id, host, status, taskState } of cloud.servers) {
        assert.deepEqual([host, status, taskState], ["compute-0", "ACTIVE", null], name);
        assert.deepEqual(Object.keys(cloud.allocations.get(id)?.resources ?? {}), [here], name);
      }
      assert.equal(cloud.servers.length, 2);
      for (const host of ["compute-1", "compute-2"]) assert.deepEqual(cloud.traces(host), NOTHING);
    }));

  it("that are on their way already, since an interrupted update, are waited for", () =>
    withCloud(async (cloud) => {
      cloud.addComputes(2);
      const server = cloud.addServer("a", "compute-1", { taskState: "rebuilding" });
      const looked = setInterval(() => {
        // From then on its servers are looked at.
        if (!cloud.service("compute-1")?.forced_down) return;
        clearInterval(looked);
        setTimeout(() => {
          server.host = "compute-0";
          server.taskState = "rebuild_block_device_mapping";
          setTimeout(() => (server.taskState = null), 1500);
        }, 1000);
      }, 10);
      await remove(cloud, "compute-1", "evacuate");
      assert.equal(server.taskState, null);
      assert.deepEqual(cloud.traces("compute-1"), NOTHING);
    }));

  it("that find no place are named, stay, and go with a second try", () =>
    withCloud(async (cloud) => {
      cloud.addComputes(2);
      cloud.service("compute-0")!.status = "disabled";
      cloud.addServer("homeless", "compute-1");
      await assert.rejects(
        remove(cloud, "compute-1", "evacuate"),
        /compute-1: evacuation failed for homeless; .*pulumi up/,
      );
      assert.ok(cloud.service("compute-1"));
      assert.equal(cloud.servers.length, 1);

      cloud.service("compute-0")!.status = "enabled";
      await remove(cloud, "compute-1", "evacuate");
      assert.equal(cloud.servers[0]?.host, "compute-0");
      assert.deepEqual(cloud.traces("compute-1"), NOTHING);
    }));

  it("that nova refuses to evacuate keep their compute", () =>
    withCloud(async (cloud) => {
      cloud.addComputes(2);
      cloud.addServer("paused", "compute-1", { status: "PAUSED" });
      await assert.rejects(remove(cloud, "compute-1", "evacuate"), /409: Cannot 'evacuate'/);
      assert.ok(cloud.service("compute-1"));
      assert.equal(cloud.servers.length, 1);
    }));

  it("are found beyond the first page", () =>
    withCloud(async (cloud) => {
      cloud.addComputes(2);
      cloud.delayMs = 0;
      for (let n = 0; n < 1101; n += 1) cloud.addServer(`s-${n}`, "compute-1");
      await remove(cloud, "compute-1", "delete");
      assert.deepEqual(cloud.servers, []);
      assert.deepEqual(cloud.traces("compute-1"), NOTHING);
    }));
});

describe("a control plane that is gone", () => {
  it("is nothing to be taken out of: its files are gone", () =>
    withCloud(async (cloud) => {
      cloud.cloud.cloudsYaml += ".missing";
      assert.deepEqual(await remove(cloud, "compute-0"), { removed: [] });
    }));

  it("is not gone where only the certificate that its APIs are verified against is missing", () =>
    withCloud(async (cloud) => {
      cloud.addComputes(1);
      const authority = path.join(path.dirname(cloud.cloud.cloudsYaml), AUTHORITY_FILE);
      rmSync(authority);
      await assert.rejects(remove(cloud, "compute-0"), {
        message: `${authority}, which ${cloud.cloud.cloudsYaml} names, can't be read; \`pulumi up\` writes it again where it is missing`,
      });
      assert.ok(cloud.service("compute-0"));
    }, certificatesOf()));

  it("is nothing to be taken out of: nobody listens, and not just for a moment", async (t) => {
    const cloud = await FakeOpenStack.start();
    await cloud.disappear();
    t.mock.timers.enable({ apis: ["setTimeout"] });
    let done: unknown;
    const removal = remove(cloud, "compute-0").then((result) => (done = result));
    let seconds = 0;
    while (done === undefined && seconds < 120) {
      // Real time for the connection, mocked time for the patience between two.
      for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
      t.mock.timers.tick(100);
      seconds += 0.1;
    }
    t.mock.timers.reset();
    await cloud.stop();
    assert.deepEqual(await removal, { removed: [] });
    assert.ok(seconds > 5, `gave up after ${seconds} s`);
  });

  it("is not gone while it restarts", async () => {
    await withCloud(async (cloud) => {
      cloud.addComputes(1);
      cloud.failures.push({ call: "POST identity/", answer: 503, times: 1 });
      await assert.rejects(remove(cloud, "compute-0"), /answered 503/);
      assert.ok(cloud.service("compute-0"));
    });
  });

  it("is an error when it takes connections and never answers, or lets nobody in", () =>
    withCloud(async (cloud) => {
      cloud.addComputes(1);
      cloud.hangs = true;
      await assert.rejects(remove(cloud, "compute-0", "refuse", AbortSignal.timeout(700)));
      cloud.hangs = false;
      cloud.usePassword("wrong");
      await assert.rejects(remove(cloud, "compute-0"), /answered 401/);
      assert.ok(cloud.service("compute-0"));
    }));
});
