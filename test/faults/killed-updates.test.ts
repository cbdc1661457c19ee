import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { OpenStackClient } from "../../components/openstack/client.ts";
import { PROJECT_DIRECTORY } from "../../components/project.ts";
import { keyOf, readNoted } from "../../tools/interrupted.ts";
import { docker, ScratchStack } from "../../tools/scratch-stack.ts";
import { findStack } from "../../tools/sweep/stack.ts";
import * as cloudOf from "../support/cloud.ts";
import {
  backendOf,
  expectNothingLeft,
  expectQuiet,
  interrupted,
  PLACE,
  recover,
} from "../support/faults.ts";

const STACK = "itest-killed";
const stack = new ScratchStack(STACK);

/** How often, and after how many seconds at most: an undisturbed first `up` takes about that long on two idle cores. */
const TIMES = Number(process.env["OVERCLOUD_FAULT_TIMES"] ?? 10);
const LATEST_SECONDS = 45;

/** What is the stack's on this machine and in no state. */
async function orphans(): Promise<string[]> {
  const noted = await readNoted(STACK, PROJECT_DIRECTORY, {
    ...process.env,
    ...stack.environment,
  });
  const { findings } = await findStack({ stack: STACK, backend: backendOf(stack) });
  return findings
    .filter((each) => each.kind !== "folder" && !noted?.known.has(keyOf(each)))
    .map(keyOf);
}

describe("updates that are killed at any moment", { timeout: 60 * 60_000 }, () => {
  let cloud: OpenStackClient;

  before(() => stack.create({ computes: 1, ...PLACE.settings }));

  after(() => stack.remove());

  it(`are followed, ${TIMES} times, by one that ends well, without a clash of names`, async (test) => {
    for (let time = 0; time < TIMES; time += 1) {
      const seconds = Math.random() * LATEST_SECONDS;
      const signal = time % 3 === 2 ? "SIGINT" : "SIGKILL";
      test.diagnostic(`${signal} after ${seconds.toFixed(1)} s`);
      // From nothing, and from whatever the one before has left.
      await interrupted(stack, "up", signal, seconds);
      await recover(stack);
    }
    const began = Date.now();
    await stack.up();
    test.diagnostic(`the whole one took ${Math.round((Date.now() - began) / 1000)} s`);
    assert.ok(Date.now() - began < 5 * 60_000, "within five minutes");
    const { hypervisors } = await stack.outputs();
    assert.deepEqual(hypervisors, { requested: 1, registered: 1, names: ["compute-0"] });
  });

  it("leave no process, no lock and nothing that no state knows", async () => {
    await expectQuiet(stack);
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
    await interrupted(stack, "destroy", "SIGKILL", 5);
    await recover(stack);
    await stack.destroy();
    await expectNothingLeft(stack);
  });
});
