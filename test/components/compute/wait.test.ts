import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { leavingReason } from "../../../components/compute/departure.ts";
import { guardScaleDown } from "../../../components/compute/guard.ts";
import { waitForComputes } from "../../../components/compute/wait.ts";
import { perform, withCloud, type FakeOpenStack } from "../../support/openstack.ts";

/** Nobody knows when a container was started. */
const argsOf = (cloud: FakeOpenStack) => ({
  ...cloud.cloud,
  ...{ mapHosts: ["false"], marker: cloud.marker, reportIntervalSeconds: 10 },
  inspectComputes: [] as string[][],
});

/** A program that prints when the containers of computes were started. */
const startsOf = (starts: Record<string, string>) => [
  "printf",
  "%s %s\\n",
  ...Object.entries(starts).flat(),
];

const wait = (cloud: FakeOpenStack, computes: number, mapHosts = ["false"], signal?: AbortSignal) =>
  perform(waitForComputes, { ...argsOf(cloud), computes, mapHosts }, signal && { signal });

/** Begins to wait, and collects what is reported meanwhile. */
function watch(cloud: FakeOpenStack, args: { computes: number; inspectComputes?: string[][] }) {
  const reports: string[] = [];
  const report = (line: string) => reports.push(line);
  const waiting = perform(waitForComputes, { ...argsOf(cloud), ...args }, { report });
  return { waiting, reports };
}

/** Waits for two computes of which the second is not there yet; then makes it right, and only then it may end. */
function waitsFor(
  what: string,
  spoil: (cloud: FakeOpenStack) => () => void,
  starts: Record<string, string> = { "compute-0": "2026-01-01T11:00:00.123456789Z" },
): void {
  it(`waits for ${what}`, () =>
    withCloud(async (cloud) => {
      cloud.addComputes(2);
      const repair = spoil(cloud);
      const { waiting, reports } = watch(cloud, {
        computes: 2,
        inspectComputes: [startsOf(starts)],
      });
      while (reports.length === 0) await sleep(10);
      repair();
      const { result } = await waiting;
      assert.deepEqual(result, { registered: 2, names: ["compute-0", "compute-1"] });
      assert.deepEqual(reports, ["1 of 2 computes up", "2 of 2 computes up"]);
    }));
}

describe("waiting for computes", { concurrency: true }, () => {
  it("is over at once where all are ready, or none is wanted", () =>
    withCloud(async (cloud) => {
      assert.deepEqual((await wait(cloud, 0)).result, { registered: 0, names: [] });
      assert.equal(cloud.requests.length, 0);
      cloud.addComputes(3);
      assert.deepEqual((await wait(cloud, 3)).result, {
        registered: 3,
        names: ["compute-0", "compute-1", "compute-2"],
      });
      assert.equal(cloud.requests.filter((call) => call.includes("os-hypervisors")).length, 1);
      assert.deepEqual(cloud.changes(), []);
    }));

  it("asks for more than services once these are up", () =>
    withCloud(async (cloud) => {
      cloud.addComputes(2);
      const service = cloud.services.pop()!;
      const { waiting, reports } = watch(cloud, { computes: 2 });
      while (reports.length === 0) await sleep(10);
      const others = () =>
        cloud.requests.filter((each) => /agents|resource_providers|hypervisors/.test(each));
      assert.deepEqual(others(), []);
      cloud.services.push(service);
      await waiting;
      assert.equal(others().length, 3);
    }));

  it("does not count backwards when it asks for more", () =>
    withCloud(async (cloud) => {
      cloud.addComputes(3);
      const late = cloud.services.pop()!;
      const unmapped = cloud.hypervisors.splice(0, 2);
      const { waiting, reports } = watch(cloud, { computes: 3 });
      while (reports.length === 0) await sleep(10);
      cloud.services.push(late);
      while (!cloud.requests.some((each) => each.includes("os-hypervisors"))) await sleep(10);
      cloud.hypervisors.push(...unmapped);
      await waiting;
      assert.deepEqual(reports, ["2 of 3 computes up", "3 of 3 computes up"]);
    }));

  it("lists all hypervisors once, and asks for a few that are missing one by one", () =>
    withCloud(async (cloud) => {
      cloud.addComputes(20);
      // A part of its name is that of others.
      const [late] = cloud.hypervisors.splice(1, 1);
      const { waiting, reports } = watch(cloud, { computes: 20 });
      while (cloud.patterns.length < 2) await sleep(10);
      cloud.hypervisors.push(late!);
      await waiting;
      assert.deepEqual(reports, ["19 of 20 computes up", "20 of 20 computes up"]);
      const [first, ...others] = cloud.patterns;
      assert.equal(first, "");
      assert.deepEqual(new Set(others), new Set(["compute-1"]));
    }));

  waitsFor("its service to be up", (cloud) => {
    const service = cloud.service("compute-1")!;
    service.state = "down";
    return () => (service.state = "up");
  });
  waitsFor("a report that is not older than two others could be", (cloud) => {
    const [first, second] = cloud.services;
    first!.updated_at = "2026-01-01T12:01:00.000000";
    second!.updated_at = "2026-01-01T12:00:34.000000";
    return () => (second!.updated_at = "2026-01-01T12:00:36.000000");
  });
  waitsFor(
    "a report since its container was started",
    (cloud) => {
      const [first, second] = cloud.services;
      first!.updated_at = "2026-01-01T12:00:40.000000";
      second!.updated_at = "2026-01-01T12:00:30.000000";
      return () => (second!.updated_at = "2026-01-01T12:00:31.000000");
    },
    { "compute-0": "2026-01-01T12:00:39.9Z", "compute-1": "2026-01-01T12:00:30.5Z" },
  );
  waitsFor("its service to register", (cloud) => {
    const service = cloud.services.pop()!;
    return () => cloud.services.push(service);
  });
  waitsFor("its place in a cell", (cloud) => {
    const hypervisor = cloud.hypervisors.pop()!;
    return () => cloud.hypervisors.push(hypervisor);
  });
  waitsFor("its networking to be alive", (cloud) => {
    const agent = cloud.agents[1]!;
    agent.alive = false;
    return () => (agent.alive = true);
  });
  waitsFor("its networking to register", (cloud) => {
    const agent = cloud.agents.pop()!;
    return () => cloud.agents.push(agent);
  });
  waitsFor("its resources", (cloud) => {
    const provider = cloud.providers[1]!;
    provider.generation = 0;
    return () => (provider.generation = 1);
  });

  it("does not end with other hosts' services", () =>
    withCloud(async (cloud) => {
      cloud.addCompute("compute-00");
      cloud.addCompute("compute-7");
      await assert.rejects(wait(cloud, 1, ["false"], AbortSignal.timeout(300)));
    }));

  it("goes by reports alone where docker does not say what was started when, and says so", () =>
    withCloud(async (cloud) => {
      cloud.addComputes(1);
      cloud.service("compute-0")!.updated_at = "2026-01-01T12:00:00.000000";
      const inspectComputes = [["sh", "-c", "echo no route to host >&2; exit 1"]];
      const args = { ...argsOf(cloud), computes: 1, inspectComputes };
      const { result, reports } = await perform(waitForComputes, args);
      assert.deepEqual(result, { registered: 1, names: ["compute-0"] });
      assert.match(reports[0] ?? "", /^docker does not say .*: no route to host$/);
    }));

  it("outlasts a control plane that fails now and then", () =>
    withCloud(async (cloud) => {
      cloud.addComputes(1);
      cloud.failures.push({ call: "GET compute/v2.1/os-services", answer: 503, times: 1 });
      const { result, reports } = await wait(cloud, 1);
      assert.deepEqual(result, { registered: 1, names: ["compute-0"] });
      assert.ok(reports.some((line) => line.includes("503")));
    }));

  it("names what is missing when its time is over, without listing hundreds", () =>
    withCloud(async (cloud) => {
      cloud.addComputes(3);
      const reports: string[] = [];
      await assert.rejects(
        perform(
          waitForComputes,
          {
            ...argsOf(cloud),
            computes: 100,
          },
          { signal: AbortSignal.timeout(3000), report: (line) => reports.push(line) },
        ),
      );
      assert.match(reports.at(-1) ?? "", /^still missing: compute-3, .*, compute-12 and 87 more/);
      assert.doesNotMatch(reports.at(-1) ?? "", /compute-2,|compute-13/);
    }));
});

describe("a docker host whose clock is ahead", () => {
  it("is not waited for longer than an older report could count", (t) =>
    withCloud(async (cloud) => {
      cloud.addComputes(1);
      cloud.service("compute-0")!.updated_at = "2026-01-01T12:00:00.000000";
      const reports: string[] = [];
      t.mock.timers.enable({ apis: ["Date"], now: Date.now() });
      const waiting = perform(
        waitForComputes,
        {
          ...argsOf(cloud),
          computes: 1,
          inspectComputes: [startsOf({ "compute-0": "2026-01-01T19:00:00Z" })],
        },
        { report: (line) => reports.push(line) },
      );
      while (reports.length === 0) await sleep(10);
      t.mock.timers.tick(36_000);
      assert.deepEqual((await waiting).result, { registered: 1, names: ["compute-0"] });
      assert.deepEqual(reports, ["0 of 1 computes up", "1 of 1 computes up"]);
    }));
});

describe("a stack that was waited for", () => {
  it("is marked as deployed, with or without computes, and not before", () =>
    withCloud(async (cloud) => {
      cloud.addComputes(1);
      await assert.rejects(wait(cloud, 2, ["false"], AbortSignal.timeout(300)));
      assert.ok(!existsSync(cloud.marker));
      await wait(cloud, 1);
      assert.ok(existsSync(cloud.marker));
      rmSync(cloud.marker);
      await wait(cloud, 0);
      assert.ok(existsSync(cloud.marker));
    }));
});

describe("a compute that is held down", () => {
  it("by an operator is named and not waited for", () =>
    withCloud(async (cloud) => {
      cloud.addComputes(2);
      Object.assign(cloud.service("compute-1")!, { forced_down: true, state: "down" });
      const { result, reports } = await wait(cloud, 2);
      assert.deepEqual(result, { registered: 1, names: ["compute-0", "compute-1"] });
      assert.match(reports.at(-1) ?? "", /forced them down: compute-1$/);
      assert.equal(cloud.service("compute-1")?.forced_down, true);
    }));

  it("by its removal, which was given up, is put back once nova lets it", () =>
    withCloud(async (cloud) => {
      cloud.addComputes(2);
      Object.assign(cloud.service("compute-1")!, {
        forced_down: true,
        state: "down",
        status: "disabled",
        disabled_reason: leavingReason("evacuate"),
      });
      const evacuated = {
        status: "done",
        source_compute: "compute-1",
        dest_compute: "compute-0",
        instance_uuid: "1",
      };
      cloud.migrations = [evacuated];
      const marker = cloud.marker;
      await perform(guardScaleDown, {
        ...cloud.cloud,
        computes: 2,
        scaleDown: "refuse",
        listComputes: [],
        marker,
      });
      assert.equal(cloud.service("compute-1")?.forced_down, true);
      setTimeout(() => (evacuated.status = "completed"), 500);
      const { result } = await wait(cloud, 2);
      assert.deepEqual(result, { registered: 2, names: ["compute-0", "compute-1"] });
      const { forced_down, status } = cloud.service("compute-1") ?? {};
      assert.deepEqual([forced_down, status], [false, "enabled"]);
    }));
});

describe("a compute that its cell does not know", () => {
  it("is mapped from here after a while, and not before", (t) =>
    withCloud(async (cloud) => {
      const folder = mkdtempSync(path.join(tmpdir(), "overcloud-map-"));
      t.after(() => rmSync(folder, { recursive: true }));
      const mark = path.join(folder, "mapped");
      cloud.addComputes(1);
      const hypervisor = cloud.hypervisors.pop()!;
      t.mock.timers.enable({ apis: ["Date"], now: Date.now() });
      const waiting = wait(cloud, 1, ["touch", mark]);
      await sleep(1300);
      assert.ok(!existsSync(mark));
      t.mock.timers.tick(10_000);
      while (!existsSync(mark)) await sleep(20);
      cloud.hypervisors.push(hypervisor);
      assert.deepEqual((await waiting).result, { registered: 1, names: ["compute-0"] });
    }));

  it("is waited for on even where mapping fails, which is reported", (t) =>
    withCloud(async (cloud) => {
      cloud.addComputes(1);
      const hypervisor = cloud.hypervisors.pop()!;
      const reports: string[] = [];
      t.mock.timers.enable({ apis: ["Date"], now: Date.now() });
      const waiting = perform(
        waitForComputes,
        {
          ...argsOf(cloud),
          computes: 1,
          mapHosts: ["sh", "-c", "echo no conductor >&2; exit 1"],
        },
        { report: (line) => reports.push(line) },
      );
      await sleep(100);
      t.mock.timers.tick(10_000);
      const said = () => reports.some((line) => line.includes("no conductor"));
      while (!said()) await sleep(20);
      cloud.hypervisors.push(hypervisor);
      assert.deepEqual((await waiting).result, { registered: 1, names: ["compute-0"] });
    }));
});
