import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { containers, docker, leftovers, ScratchStack } from "../../tools/scratch-stack.ts";
import * as cloudOf from "../support/cloud.ts";
import { expectNothingLeft, interrupted, PLACE, recover } from "../support/faults.ts";

const STACK = "itest-faults";
const stack = new ScratchStack(STACK);

/** Seconds in which a destroy ends that nothing answers any more. */
const DEAD_SECONDS = 60;

describe("a destroy", { timeout: 20 * 60_000 }, () => {
  before(() => stack.create({ computes: 2, ...PLACE.settings }));
  after(() => stack.remove());

  /** A cloud with a server, which is no reason to keep it. */
  async function deploy(): Promise<void> {
    await stack.up();
    const cloud = await stack.cloud();
    const { id } = await cloudOf.boot(cloud, "before", "compute-0");
    await cloudOf.wired(cloud, id, `${STACK}-compute-0`, "compute-0");
  }

  /** How many containers with a role are left. */
  const left = async (role: string) => (await containers(STACK, role)).size;

  it("that is interrupted, again and again, is ended by the next one", async (test) => {
    await deploy();
    const moments = [
      ["SIGINT", "once a compute is gone", async () => (await left("simulated-compute")) < 2],
      ["SIGKILL", "once some services are gone", async () => (await left("control-plane")) < 11],
      ["SIGINT", "once most services are gone", async () => (await left("control-plane")) < 5],
    ] as const;
    for (const [signal, moment, hasCome] of moments) {
      const early = await interrupted(stack, "destroy", signal, hasCome);
      test.diagnostic(`${signal} ${moment}: ${await left("control-plane")} services are left`);
      assert.ok(early, moment);
      await recover(stack);
    }
    await stack.destroy();
    await expectNothingLeft(stack);
  });

  it("of nothing is no error", async () => {
    await stack.destroy();
    await expectNothingLeft(stack);
  });

  it("that was killed is no hindrance to another cloud in its place", async (test) => {
    await deploy();
    const early = await interrupted(
      stack,
      "destroy",
      "SIGKILL",
      async () => (await left("control-plane")) === 0,
    );
    test.diagnostic(`left are ${JSON.stringify(await leftovers(STACK))}`);
    assert.ok(early);
    await recover(stack);
    await deploy();
    const { hypervisors } = await stack.outputs();
    assert.deepEqual(hypervisors.names, ["compute-0", "compute-1"]);
    await stack.expectNoChanges();
  });

  it("needs no control plane", async (test) => {
    const services = [...(await containers(STACK, "control-plane")).keys()];
    assert.ok(services.length >= 13);
    // One that stands still does not end by a signal either. A busy kernel may take more than one attempt to freeze it.
    await cloudOf.eventually(
      "a compute stands still",
      30,
      () => docker("pause", `${STACK}-compute-1`).catch(() => undefined),
      (paused) => paused !== undefined,
    );
    await docker("rm", "--force", ...services);
    const began = Date.now();
    await stack.destroy();
    const seconds = (Date.now() - began) / 1000;
    test.diagnostic(`${Math.round(seconds)} s`);
    assert.ok(seconds < DEAD_SECONDS, `${seconds} s`);
    await expectNothingLeft(stack);
  });
});
