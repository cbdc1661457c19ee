import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { after, before, describe, it } from "node:test";
import { execa } from "execa";
import { PROJECT_DIRECTORY } from "../../components/project.ts";
import { SERVICES } from "../../components/standalone/services.ts";
import { readResult, type Result } from "../../tools/experiment/result.ts";
import { apisOf, seriesOf } from "../../tools/experiment/summary.ts";
import { ScratchStack } from "../../tools/scratch-stack.ts";
import { placeOf } from "../support/places.ts";

const STACK = "itest-experiment";
const EXPERIMENT = `
description: From one compute to two, with servers
sampling: { intervalSeconds: 1 }
limits: { stepMinutes: 15, totalMinutes: 40 }
steps:
  - computes: 1
  - playbook: boot_servers
    vars: { count: 2, concurrency: 2 }
  - name: quiet
    wait: 5
  - computes: 2
`;

describe("an experiment with a real cloud", { timeout: 45 * 60_000 }, () => {
  const stack = new ScratchStack(STACK);
  const folder = mkdtempSync(path.join(tmpdir(), "overcloud-experiment-"));
  const file = path.join(folder, `${STACK}.yaml`);
  const configuration = path.join(PROJECT_DIRECTORY, `Pulumi.${STACK}.yaml`);
  let configured: string;
  let place: string;

  /** Starts the command as its npm script does after set-up. */
  function experiment(...args: string[]) {
    const script = path.join(PROJECT_DIRECTORY, "tools/experiment.ts");
    return execa(process.execPath, ["--disable-warning=ExperimentalWarning", script, ...args], {
      cwd: PROJECT_DIRECTORY,
      env: stack.environment,
      all: true,
      reject: false,
      stdin: "ignore",
    });
  }

  /** The values of a series that are available. */
  function valuesOf(result: Result, probe: string, series: string): number[] {
    return (seriesOf(result, probe, series)?.values ?? []).filter((value) => value !== null);
  }

  before(async () => {
    writeFileSync(file, EXPERIMENT);
    await stack.create({
      computes: 1,
      ...placeOf("experiment").settings,
    });
    configured = readFileSync(configuration, "utf8");
  });

  after(async () => {
    await stack.remove();
    rmSync(folder, { recursive: true, force: true });
    if (place !== undefined) rmSync(place, { recursive: true, force: true });
  });

  it("is refused in one sentence where it can't begin", async () => {
    const wait = path.join(folder, "wait.yaml");
    writeFileSync(wait, "steps: [{ wait: 1 }]");
    for (const [args, sentence] of [
      [[path.join(folder, "none.yaml")], /there is no such file/],
      [[file, "--stack", "itest-nobody"], /^experiment: there is no stack itest-nobody/],
      [[wait, "--stack", STACK], /^experiment: stack itest-experiment has no cloud: run/],
      [["--resume", wait, "--stack", STACK], /^experiment: there is no unfinished result of/],
    ] as const) {
      const { exitCode, all } = await experiment(...args);
      assert.equal(exitCode, 1, all);
      assert.match(all, sentence);
      assert.ok(all.split("\n").length <= 2, all);
    }
  });

  it("leaves all that it has when it is interrupted in the middle of an update", async () => {
    const run = experiment(file, "--stack", STACK);
    let said = "";
    for await (const line of run.iterable({ from: "all" })) {
      said += `${line}\n`;
      place ??= path.resolve(PROJECT_DIRECTORY, /into (results\/\S+)$/.exec(line)?.[1] ?? ".");
      if (line.includes("step 4 of 5: 2 computes")) {
        await sleep(4000);
        run.kill("SIGINT");
      }
    }
    const { exitCode } = await run;
    assert.equal(exitCode, 130, said);
    assert.match(said, /npm run experiment -- --resume results\/itest-experiment-/);
    const { result } = readResult(place);
    assert.equal(result.finished, false);
    assert.deepEqual(
      result.attempts.map(({ label, outcome }) => [label, outcome]),
      [
        ["1 compute", "done"],
        ["boot_servers", "done"],
        ["quiet", "done"],
        ["2 computes", "interrupted"],
      ],
    );
    assert.ok(existsSync(path.join(place, "report.html")));
  });

  it("goes on where it was, and does nothing again that is done", async () => {
    const { exitCode, all } = await experiment("--resume", place);
    assert.equal(exitCode, 0, all);
    const { result } = readResult(place);
    assert.equal(result.finished, true);
    assert.deepEqual(
      result.attempts.map(({ label, outcome }) => [label, outcome]),
      [
        ["1 compute", "done"],
        ["boot_servers", "done"],
        ["quiet", "done"],
        ["2 computes", "interrupted"],
        ["2 computes", "done"],
        ["the stack's own settings", "done"],
      ],
    );
    assert.equal(result.resumed.length, 1);
  });

  it("never touches the stack's configuration, and brings the cloud back to it", async () => {
    assert.equal(readFileSync(configuration, "utf8"), configured);
    const { hypervisors } = await stack.outputs();
    assert.deepEqual(hypervisors, { requested: 1, registered: 1, names: ["compute-0"] });
  });

  it("has measured the computes that came, the services and what the playbook found", () => {
    const { result } = readResult(place);
    const registered = valuesOf(result, "services", "computes.registered");
    assert.ok(registered.indexOf(1) >= 0, "one");
    assert.ok(registered.indexOf(2) > registered.indexOf(1), "then two");
    assert.ok(Math.max(...valuesOf(result, "services", "computes.up")) === 2);
    assert.ok(Math.max(...valuesOf(result, "database", "queriesPerSecond")) > 0);
    assert.ok(Math.max(...valuesOf(result, "database", "connections")) > 0);
    assert.ok(Math.max(...valuesOf(result, "broker", "receivedPerSecond")) > 0);
    assert.ok(Math.max(...valuesOf(result, "broker", "queues")) > 0);
    for (const series of [
      ...SERVICES.map((service) => `service.${service}`),
      ...["compute.compute-0", "compute.compute-1"],
    ]) {
      const memory = valuesOf(result, "containers", `memory.${series}`);
      assert.ok(memory.length > 5 && Math.max(...memory) > 0, `memory of ${series}`);
      const cpu = valuesOf(result, "containers", `cpu.${series}`);
      assert.ok(cpu.length > 3 && Math.max(...cpu) > 0, `CPU of ${series}`);
    }
    assert.equal(apisOf(result).length, 5);
    for (const api of apisOf(result)) {
      const latencies = valuesOf(result, `api.${api}`, "ms");
      assert.ok(latencies.length > 10, api);
      assert.ok(Math.min(...latencies) > 0, api);
    }
    assert.ok(Math.min(...valuesOf(result, "machine", "memoryUsed")) > 0);
    const { playbookResult } = result.attempts[1] ?? {};
    assert.equal((playbookResult as { playbook: string }).playbook, "boot_servers");
    assert.match(result.versions.openstack?.["nova-common"] ?? "", /\d+\.\d+/);
    assert.equal(result.machine.cores > 0, true);
    assert.equal(result.settings["computes"], "1");
    assert.doesNotMatch(JSON.stringify(result), /of scratch stacks alone|v1:[\w/+]+=*:/);
  });

  it("has taken little itself", () => {
    const { cost } = readResult(place).result;
    const clients = Object.values(cost.clientCpuSeconds).reduce((sum, each) => sum + each, 0);
    assert.ok(cost.cpuSeconds > 0 && clients > 0);
    assert.ok((cost.cpuSeconds + clients) / cost.seconds < 0.15, JSON.stringify(cost));
  });

  it("can be put beside another", async () => {
    const { exitCode, all } = await experiment("--compare", place, place);
    assert.equal(exitCode, 0, all);
    const written = path.resolve(PROJECT_DIRECTORY, /written to (\S+)/.exec(all)?.[1] ?? "");
    assert.match(readFileSync(written, "utf8"), /Differences by step/);
    rmSync(written);
  });
});
