import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { describe, it } from "node:test";
import { leavingReason } from "../../../components/compute/departure.ts";
import { guardScaleDown, type Guarded } from "../../../components/compute/guard.ts";
import { withCloud, perform, type FakeOpenStack } from "../../support/openstack.ts";

type Policy = "refuse" | "evacuate" | "delete";

const guard = (
  cloud: FakeOpenStack,
  computes: number,
  scaleDown: Policy = "refuse",
  { listComputes = [], previous = "" }: { listComputes?: string[][]; previous?: string } = {},
) =>
  perform(
    guardScaleDown,
    { ...cloud.cloud, computes, scaleDown, listComputes, marker: cloud.marker },
    { previous },
  ).then(({ result, ...rest }) => ({ ...rest, result: result as Guarded }));

const refusal = (cloud: FakeOpenStack, computes: number) =>
  guard(cloud, computes).then(
    () => assert.fail("not refused"),
    (error: unknown) => (error instanceof Error ? error.message : assert.fail(String(error))),
  );

/** What an operator sees of the services. */
const states = (cloud: FakeOpenStack) =>
  Object.fromEntries(
    cloud.services.map(({ host, status, state, disabled_reason }) => [
      host,
      [status, state, disabled_reason],
    ]),
  );

const ENABLED = ["enabled", "up", null];
const leaving = (policy: Policy) => ["disabled", "up", leavingReason(policy)];

describe("before computes are removed", { concurrency: true }, () => {
  for (const policy of ["refuse", "evacuate", "delete"] as const) {
    it(`those that leave take no new servers, and no others are touched (${policy})`, () =>
      withCloud(async (cloud) => {
        cloud.addComputes(4);
        cloud.addServer("stays", "compute-0");
        const { result } = await guard(cloud, 2, policy);
        assert.deepEqual(result.leaving, ["compute-2", "compute-3"]);
        assert.deepEqual(states(cloud), {
          "compute-0": ENABLED,
          "compute-1": ENABLED,
          "compute-2": leaving(policy),
          "compute-3": leaving(policy),
        });
        assert.equal(cloud.changes().length, 2);
        // Once more, as after an update that failed later on.
        await guard(cloud, 2, policy);
        assert.equal(cloud.changes().length, 2);
      }));
  }

  it("those that leave are told, also where nova does not know them, on any docker host", () =>
    withCloud(async (cloud) => {
      cloud.addComputes(3);
      const listComputes = [
        ["printf", "compute-0\\ncompute-2\\ncompute-10\\n"],
        ["echo", "compute-3"],
        ["true"],
      ];
      const { result } = await guard(cloud, 2, "refuse", { listComputes });
      assert.deepEqual(result.leaving, ["compute-10", "compute-2", "compute-3"]);
      assert.equal(cloud.changes().length, 1);
    }));

  describe("when some departed last is told", { concurrency: true }, () => {
    const then = "2026-01-01T00:00:00.000Z";
    const none = { computes: 2, leaving: [], departure: then };
    for (const [what, before, computes, anew] of [
      ["anew when one is found leaving", none, 1, true],
      [
        "anew when there are to be fewer, also of those that nobody knows",
        { ...none, computes: 5 },
        3,
        true,
      ],
      ["as before when none leaves", none, 2, false],
      ["as before when there are to be more", none, 3, false],
      [
        "as before when the same are found again",
        { ...none, computes: 1, leaving: ["compute-1"] },
        1,
        false,
      ],
      [
        "anew when another is found with them",
        { ...none, computes: 0, leaving: ["compute-1"] },
        0,
        true,
      ],
    ] as const) {
      it(what, () =>
        withCloud(async (cloud) => {
          cloud.addComputes(2);
          const began = new Date().toISOString();
          const previous = JSON.stringify(before);
          const { departure } = (await guard(cloud, computes, "refuse", { previous })).result;
          assert.equal(departure >= began, anew, departure);
          if (!anew) assert.equal(departure, then);
        }),
      );
    }

    it("as never where what was told before is not known", () =>
      withCloud(async (cloud) => {
        cloud.addComputes(2);
        // The second is of a version before.
        for (const previous of ["", '{"leaving":[]}', "{}", "another program's"]) {
          const { result } = await guard(cloud, 2, "refuse", { previous });
          assert.deepEqual(result, { computes: 2, leaving: [], departure: "" });
        }
      }));
  });

  it("nothing happens where docker does not say which there are", () =>
    withCloud(async (cloud) => {
      cloud.addComputes(2);
      await assert.rejects(
        guard(cloud, 1, "refuse", {
          listComputes: [["sh", "-c", "echo no daemon >&2; exit 1"]],
        }),
        /^Error: docker does not say which computes have a container: no daemon$/,
      );
      assert.deepEqual(cloud.changes(), []);
    }));

  it("nothing happens while none leaves, and with none there at all", () =>
    withCloud(async (cloud) => {
      const nobody = { computes: 3, leaving: [], departure: "" };
      assert.deepEqual((await guard(cloud, 3)).result, nobody);
      cloud.addComputes(3);
      cloud.addServer("a", "compute-2");
      assert.deepEqual((await guard(cloud, 3)).result, nobody);
      assert.deepEqual((await guard(cloud, 10)).result, { ...nobody, computes: 10 });
      assert.deepEqual(cloud.changes(), []);
    }));

  it("hosts that are no simulated computes are never touched", () =>
    withCloud(async (cloud) => {
      cloud.addComputes(1);
      cloud.addCompute("overcloud-novacompute-0");
      cloud.addCompute("compute-07");
      cloud.addServer("real", "overcloud-novacompute-0");
      await guard(cloud, 0);
      assert.deepEqual(states(cloud), {
        "compute-0": leaving("refuse"),
        "overcloud-novacompute-0": ENABLED,
        "compute-07": ENABLED,
      });
    }));

  it("other policies let servers be", () =>
    withCloud(async (cloud) => {
      cloud.addComputes(2);
      cloud.addServer("a", "compute-1");
      for (const policy of ["evacuate", "delete"] as const) await guard(cloud, 1, policy);
      assert.equal(cloud.servers.length, 1);
      assert.deepEqual(states(cloud)["compute-1"], leaving("delete"));
    }));

  it("evacuation needs a compute that stays", () =>
    withCloud(async (cloud) => {
      cloud.addComputes(2);
      cloud.addServer("a", "compute-1");
      await assert.rejects(guard(cloud, 0, "evacuate"), /no compute stays/);
      assert.deepEqual(states(cloud), { "compute-0": ENABLED, "compute-1": ENABLED });
    }));

  it("evacuation needs servers that nova evacuates, and none on its way", () =>
    withCloud(async (cloud) => {
      cloud.addComputes(2);
      cloud.addServer("runs", "compute-1");
      cloud.addServer("off", "compute-1", { status: "SHUTOFF" });
      cloud.addServer("bad", "compute-1", { status: "ERROR" });
      const paused = cloud.addServer("held", "compute-1", { status: "PAUSED" });
      await assert.rejects(guard(cloud, 1, "evacuate"), (error: Error) => {
        assert.match(error.message, /can't be evacuated: held on compute-1 is PAUSED\. Nothing/);
        return true;
      });
      assert.deepEqual(states(cloud)["compute-1"], ENABLED);
      paused.status = "ACTIVE";
      cloud.migrations = [
        {
          status: "running",
          source_compute: "compute-1",
          dest_compute: "compute-0",
          instance_uuid: paused.id,
        },
      ];
      await assert.rejects(guard(cloud, 1, "evacuate"), /compute-1 has 1 in migration/);
      assert.deepEqual(states(cloud)["compute-1"], ENABLED);
      cloud.migrations = [];
      await guard(cloud, 1, "evacuate");
      assert.deepEqual(states(cloud)["compute-1"], leaving("evacuate"));
    }));

  it("a marker stands while it is open who may leave, and only then", () =>
    withCloud(async (cloud) => {
      cloud.addComputes(2);
      cloud.addServer("a", "compute-1");
      await refusal(cloud, 1);
      assert.ok(!existsSync(cloud.marker), "after a refusal");
      await guard(cloud, 1, "delete");
      assert.ok(!existsSync(cloud.marker), "after a pass");
      // A guard that ends without its last word, as a killed one does: the cloud fails while it undoes its work.
      cloud.failures.push({ call: "PUT compute/", answer: 500, times: 99 });
      await refusal(cloud, 0);
      assert.ok(existsSync(cloud.marker), "after an interruption");
    }));
});

describe("the policy refuse", { concurrency: true }, () => {
  it("names hosts and servers, and leaves everything as it was", () =>
    withCloud(async (cloud) => {
      cloud.addComputes(4);
      cloud.addServer("stays", "compute-0");
      cloud.addServer("web-1", "compute-1");
      for (let n = 1; n <= 7; n += 1) cloud.addServer(`db-${n}`, "compute-3", { project: "other" });
      const before = ["compute-0", "compute-1", "compute-2", "compute-3"].map((host) =>
        cloud.traces(host),
      );
      const message = await refusal(cloud, 1);
      assert.match(message, /^computes can't be lowered to 1: /);
      assert.match(message, /compute-1 has 1 server \(web-1\)/);
      assert.match(message, /compute-3 has 7 servers \(db-1, .*db-5, and 2 more\)/);
      assert.doesNotMatch(message, /compute-2|stays/);
      assert.match(message, /Nothing was stopped/);
      assert.match(message, /scaleDown/);
      assert.deepEqual(
        ["compute-0", "compute-1", "compute-2", "compute-3"].map((host) => cloud.traces(host)),
        before,
      );
      assert.ok(cloud.changes().every((call) => call.startsWith("PUT compute/v2.1/os-services/")));
    }));

  it("leaves a service that an operator disabled with the operator's reason", () =>
    withCloud(async (cloud) => {
      cloud.addComputes(1);
      cloud.addCompute("compute-1", { status: "disabled", disabled_reason: "broken fan" });
      cloud.addCompute("compute-2");
      cloud.addServer("a", "compute-1");
      await refusal(cloud, 1);
      assert.deepEqual(states(cloud), {
        "compute-0": ENABLED,
        "compute-1": ["disabled", "up", "broken fan"],
        "compute-2": ENABLED,
      });
    }));

  it("counts stopped, failed and other projects' servers", () =>
    withCloud(async (cloud) => {
      cloud.addComputes(2);
      cloud.addServer("off", "compute-1", { status: "SHUTOFF" });
      cloud.addServer("bad", "compute-1", { status: "ERROR", project: "admin" });
      assert.match(await refusal(cloud, 1), /compute-1 has 2 servers \(off, bad\)/);
    }));

  it("counts servers on their way to or from the host, not those that arrived long ago", () =>
    withCloud(async (cloud) => {
      cloud.addComputes(3);
      const server = cloud.addServer("moving", "compute-0");
      const migration = (status: string, source: string, dest: string) => ({
        status,
        source_compute: source,
        dest_compute: dest,
        instance_uuid: server.id,
      });
      cloud.migrations = [
        migration("completed", "compute-2", "compute-0"),
        migration("confirmed", "compute-0", "compute-2"),
        migration("error", "compute-0", "compute-2"),
        migration("done", "compute-2", "compute-0"),
      ];
      await guard(cloud, 2);
      for (const status of ["running", "queued", "preparing", "finished", "post-migrating"]) {
        cloud.migrations = [migration(status, "compute-0", "compute-2")];
        assert.match(await refusal(cloud, 2), /compute-2 has 1 in migration/, status);
        cloud.migrations = [migration(status, "compute-2", "compute-0")];
        assert.match(await refusal(cloud, 2), /compute-2 has 1 in migration/, status);
      }
    }));
});

describe("the policy delete", { concurrency: true }, () => {
  it("waits for nobody who is deleted, and refuses to cut the way of a server that stays", () =>
    withCloud(async (cloud) => {
      cloud.addComputes(3);
      const staying = cloud.addServer("staying", "compute-0");
      const going = cloud.addServer("going", "compute-2");
      const finished = {
        status: "finished",
        source_compute: "compute-2",
        dest_compute: "compute-0",
      };
      cloud.migrations = [{ ...finished, instance_uuid: going.id }];
      await guard(cloud, 2, "delete");
      assert.deepEqual(states(cloud)["compute-2"], leaving("delete"));
      await guard(cloud, 3, "delete");
      cloud.migrations = [{ ...finished, instance_uuid: staying.id }];
      await assert.rejects(
        guard(cloud, 2, "delete"),
        /can't be lowered to 2: compute-2 has 1 in migration\. Nothing was stopped\. Confirm, revert or finish/,
      );
      assert.deepEqual(states(cloud)["compute-2"], ENABLED);
    }));
});

describe("a compute that stays after all", { concurrency: true }, () => {
  it("is put back to work, and only where this project took it out", () =>
    withCloud(async (cloud) => {
      cloud.addCompute("compute-0", { status: "disabled", disabled_reason: "by an operator" });
      cloud.addCompute("compute-1", {
        status: "disabled",
        disabled_reason: leavingReason("refuse"),
        forced_down: true,
        state: "down",
      });
      cloud.addCompute("compute-2", {
        status: "disabled",
        disabled_reason: leavingReason("refuse"),
      });
      const { reports } = await guard(cloud, 3);
      assert.deepEqual(states(cloud), {
        "compute-0": ["disabled", "up", "by an operator"],
        "compute-1": ENABLED,
        "compute-2": ENABLED,
      });
      assert.equal(cloud.service("compute-1")?.forced_down, false);
      assert.equal(reports.length, 2);
    }));
});

describe("without a control plane", () => {
  it("the guard fails: nobody knows what is on the computes", () =>
    withCloud(async (cloud) => {
      cloud.addComputes(1);
      cloud.usePassword("wrong");
      await assert.rejects(guard(cloud, 0), /auth\/tokens answered 401: .*authentication/);
      cloud.usePassword("wrong again");
      cloud.failures.push({ call: "POST identity/", answer: 503, times: 1 });
      await assert.rejects(guard(cloud, 0), /answered 503: the service is busy/);
      assert.deepEqual(states(cloud), { "compute-0": ENABLED });
    }));

  it("lets none leave where the cloud was never deployed, and fails where some should stay", () =>
    withCloud(async (cloud) => {
      const nowhere = { ...cloud.cloud, cloudsYaml: `${cloud.marker}-none/clouds.yaml` };
      const without = (computes: number) =>
        perform(guardScaleDown, {
          ...nowhere,
          computes,
          scaleDown: "refuse",
          listComputes: [["echo", "compute-0"]],
          marker: cloud.marker,
        });
      assert.deepEqual(((await without(0)).result as Guarded).leaving, ["compute-0"]);
      await assert.rejects(without(1), /ENOENT/);
      assert.ok(!existsSync(cloud.marker));
    }));
});
