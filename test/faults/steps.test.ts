import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { OpenStackClient } from "../../components/openstack/client.ts";
import { novaServices } from "../../components/openstack/compute.ts";
import { docker, ScratchStack } from "../../tools/scratch-stack.ts";
import { readText } from "../../tools/setup/host.ts";
import { stepsOf } from "../../tools/sweep/machine.ts";
import * as cloudOf from "../support/cloud.ts";
import { expectNothingLeft, expectQuiet, outputOf, PLACE } from "../support/faults.ts";

const STACK = "itest-faults";
const stack = new ScratchStack(STACK);
const container = (index: number) => `${STACK}-compute-${index}`;

/** Steps of the first `up` of a cloud that take long enough to be caught, in their order. */
const STEPS = ["wait-for-apis", "first-objects", "wait-for-computes"];
/** Each of them takes seconds. */
const HALF_WAY_MS = 700;
const POLL_MS = 50;

/** Seconds in which the last update ends what the ones before have begun. */
const ENDING_SECONDS = 120;

const REPORT_SECONDS = 2;
const DOWN_SECONDS = 10;
/** Seconds in which a compute that stood still counts as up again, and has its servers' ports wired. */
const RETURN_SECONDS = 30;

describe("a step that dies half-way", { timeout: 20 * 60_000 }, () => {
  let cloud: OpenStackClient;

  before(() =>
    stack.create({
      computes: 2,
      "compute.reportIntervalSeconds": REPORT_SECONDS,
      "compute.downTimeSeconds": DOWN_SECONDS,
      ...PLACE.settings,
    }),
  );

  after(() => stack.remove());

  const logOf = (step: string) => join(outputOf(stack), "logs", `${step}.log`);

  /** @returns the process of a step that has begun its work, once there is one */
  async function begun(step: string, going: Promise<{ all: string }>): Promise<number> {
    for (;;) {
      const found = stepsOf(outputOf(stack)).find(({ name }) => name === step);
      if (found && readText(logOf(step)).includes("starts")) return found.pid;
      const ended = await Promise.race([going, sleep(POLL_MS)]);
      assert.equal(ended, undefined, `no ${step} in: ${ended?.all}`);
    }
  }

  for (const step of STEPS) {
    it(`is gone on with by the next update: ${step}`, async () => {
      // Of an earlier stack of this name, whose logs stay.
      rmSync(logOf(step), { force: true });
      const going = stack.tryPulumi("up", "--yes", "--skip-preview", "--stack", STACK);
      const pid = await begun(step, going);
      await sleep(HALF_WAY_MS);
      process.kill(pid, "SIGKILL");
      const { exitCode, all } = await going;
      assert.notEqual(exitCode, 0);
      assert.match(all, new RegExp(`${step}.*\\n?.*error`));
      assert.doesNotMatch(readText(logOf(step)), /is done/);
      await expectQuiet(stack);
    });
  }

  it("is done in the end, and nothing is done twice", async (test) => {
    const began = Date.now();
    await stack.up();
    const seconds = (Date.now() - began) / 1000;
    test.diagnostic(`the next update took ${Math.round(seconds)} s`);
    assert.ok(seconds < ENDING_SECONDS, `${seconds} s`);
    const { hypervisors } = await stack.outputs();
    assert.deepEqual(hypervisors, {
      requested: 2,
      registered: 2,
      names: ["compute-0", "compute-1"],
    });
    cloud = await stack.cloud();
    const query = (sql: string) => docker("exec", `${STACK}-mariadb`, "mariadb", "-N", "-e", sql);
    cloudOf.expectKnown(await cloudOf.known(cloud, query), ["compute-0", "compute-1"]);
    const objects = ["neutron.networks", "neutron.subnets", "nova_api.flavors", "glance.images"];
    for (const table of objects) {
      const names = (await query(`SELECT name FROM ${table}`)).split("\n");
      assert.equal(new Set(names).size, names.length, `${table}: ${names.join(", ")}`);
    }
    await stack.expectNoChanges();
  });

  it("and a compute that stood still for longer than what counts as down is up again by itself", async (test) => {
    const { id } = await cloudOf.boot(cloud, "held", "compute-1");
    await cloudOf.wired(cloud, id, container(1), "compute-1");
    const state = async () => {
      const filter = { host: "compute-1", binary: "nova-compute" };
      return (await novaServices(cloud, filter))[0]?.state;
    };
    await docker("pause", container(1));
    await sleep(DOWN_SECONDS * 1000);
    await cloudOf.eventually("it counts as down", 15, state, (seen) => seen === "down");
    await docker("unpause", container(1));
    const began = Date.now();
    await cloudOf.eventually("it counts as up", RETURN_SECONDS, state, (seen) => seen === "up");
    test.diagnostic(`up after ${((Date.now() - began) / 1000).toFixed(1)} s`);
    await cloudOf.settled(cloud, id, "ACTIVE", "compute-1");
    await cloudOf.wired(cloud, id, container(1), "compute-1");
    const other = await cloudOf.boot(cloud, "afterwards", "compute-1");
    await cloudOf.wired(cloud, other.id, container(1), "compute-1");
    await stack.expectNoChanges();
  });

  it("leaves nothing after a destroy", async () => {
    await stack.destroy();
    await expectNothingLeft(stack);
  });
});
