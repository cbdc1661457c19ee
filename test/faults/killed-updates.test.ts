import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, describe, it } from "node:test";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { OpenStackClient } from "../../components/openstack/client.ts";
import { PROJECT_DIRECTORY } from "../../components/project.ts";
import { keyOf, readNoted, removeUnnoted } from "../../tools/interrupted.ts";
import { releaseDeadLocks } from "../../tools/leftovers.ts";
import { containers, docker, leftovers, ScratchStack } from "../../tools/scratch-stack.ts";
import { stepsOf } from "../../tools/sweep/machine.ts";
import { findStack } from "../../tools/sweep/stack.ts";
import * as cloudOf from "../support/cloud.ts";

const STACK = "itest-killed";
const stack = new ScratchStack(STACK);
const backend = fileURLToPath(stack.environment["PULUMI_BACKEND_URL"] ?? "");
const environment = { ...process.env, ...stack.environment };
const output = join(PROJECT_DIRECTORY, "output", STACK);

/** How often, and after how many seconds at most: an undisturbed first `up` takes about that long on two idle cores. */
const TIMES = Number(process.env["OVERCLOUD_FAULT_TIMES"] ?? 10);
const LATEST_SECONDS = 45;

/** Starts `pulumi up` and kills it with all of its process group, as the kernel does that runs out of memory. */
async function killedUp(seconds: number, signal: "SIGKILL" | "SIGINT"): Promise<void> {
  const argv = ["up", "--yes", "--skip-preview", "--non-interactive", "--stack", STACK];
  const child = spawn("pulumi", argv, {
    ...{ cwd: PROJECT_DIRECTORY, env: environment, stdio: "ignore", detached: true },
  });
  const ended = once(child, "exit");
  await Promise.race([sleep(seconds * 1000), ended]);
  if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, signal);
  await ended;
}

/** What `npm run up` does before it calls pulumi. */
async function recover(): Promise<void> {
  releaseDeadLocks(backend);
  await removeUnnoted({ stack: STACK, directory: PROJECT_DIRECTORY, backend }, environment);
}

/** What is the stack's on this machine and in no state. */
async function orphans(): Promise<string[]> {
  const noted = await readNoted(STACK, PROJECT_DIRECTORY, environment);
  const { findings } = await findStack({ stack: STACK, backend });
  return findings
    .filter((each) => each.kind !== "folder" && !noted?.known.has(keyOf(each)))
    .map(keyOf);
}

describe("updates that are killed at any moment", { timeout: 60 * 60_000 }, () => {
  let cloud: OpenStackClient;

  before(() =>
    stack.create({
      computes: 1,
      "network.cidr": "10.79.208.0/21",
      "network.tunnelCidr": "10.79.216.0/21",
      "network.tenantCidr": "10.108.0.0/16",
      "ports.keystone": 15070,
      "ports.placement": 18848,
      "ports.glance": 19362,
      "ports.neutron": 19766,
      "ports.nova": 18844,
    }),
  );

  after(() => stack.remove());

  it(`are followed, ${TIMES} times, by one that ends well, without a clash of names`, async (test) => {
    for (let time = 0; time < TIMES; time += 1) {
      const seconds = Math.random() * LATEST_SECONDS;
      const signal = time % 3 === 2 ? "SIGINT" : "SIGKILL";
      test.diagnostic(`${signal} after ${seconds.toFixed(1)} s`);
      // From nothing, and from whatever the one before has left.
      await killedUp(seconds, signal);
      await recover();
    }
    const began = Date.now();
    await stack.up();
    test.diagnostic(`the whole one took ${Math.round((Date.now() - began) / 1000)} s`);
    assert.ok(Date.now() - began < 5 * 60_000, "within five minutes");
    const { hypervisors } = await stack.outputs();
    assert.deepEqual(hypervisors, { requested: 1, registered: 1, names: ["compute-0"] });
  });

  it("leave no process, no lock and nothing that no state knows", async () => {
    assert.deepEqual(stepsOf(output), []);
    assert.deepEqual(await orphans(), []);
    await stack.expectNoChanges();
  });

  it("leave a cloud that knows its computes once, and boots a server", async () => {
    cloud = await stack.cloud();
    const query = (sql: string) => docker("exec", `${STACK}-mariadb`, "mariadb", "-N", "-e", sql);
    cloudOf.expectKnown(await cloudOf.known(cloud, query), ["compute-0"]);
    const { id } = await cloudOf.boot(cloud, "afterwards");
    await cloudOf.wired(cloud, id, `${STACK}-compute-0`, "compute-0");
  });

  it("and a destroy that is killed, and one that is not, leave nothing", async () => {
    const argv = ["destroy", "--yes", "--skip-preview", "--non-interactive", "--stack", STACK];
    const child = spawn("pulumi", argv, {
      ...{ cwd: PROJECT_DIRECTORY, env: environment, stdio: "ignore", detached: true },
    });
    const ended = once(child, "exit");
    await sleep(5000);
    if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    await ended;
    await recover();
    await stack.destroy();
    const none = { containers: [], networks: [], volumes: [], images: [] };
    assert.deepEqual(await leftovers(STACK), none);
    assert.equal((await containers(STACK, "control-plane")).size, 0);
    assert.deepEqual(stepsOf(output), []);
  });
});
