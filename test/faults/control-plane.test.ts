import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { OpenStackClient } from "../../components/openstack/client.ts";
import type { CloudReference } from "../../components/openstack/session.ts";
import { novaServices } from "../../components/openstack/compute.ts";
import { containers, docker, ScratchStack } from "../../tools/scratch-stack.ts";
import * as cloudOf from "../support/cloud.ts";
import { expectNothingLeft, expectQuiet, PLACE } from "../support/faults.ts";

const STACK = "itest-faults";
const stack = new ScratchStack(STACK);
const compute = `${STACK}-compute-0`;

/** Seconds in which one `up` repairs a service on two busy cores. */
const REPAIR_SECONDS = 180;
/** Seconds in which the cloud has another server ACTIVE once a service is back. */
const USABLE_SECONDS = 60;

/** Milliseconds that all calls together may take that ask whether the cloud is usable. */
const CALLS_MS = 5 * 60_000;

const REPORT_SECONDS = 2;
const DOWN_SECONDS = 8;

describe("a service of the control plane", { timeout: 30 * 60_000 }, () => {
  let reference: CloudReference;
  let cloud: OpenStackClient;
  let names: string[] = [];
  let server: cloudOf.ServerState;

  before(async () => {
    await stack.create({
      computes: 1,
      "compute.reportIntervalSeconds": REPORT_SECONDS,
      "compute.downTimeSeconds": DOWN_SECONDS,
      ...PLACE.settings,
    });
    await stack.up();
    reference = { cloudsYaml: (await stack.outputs()).cloudsYaml, cloud: STACK };
    cloud = await stack.cloud();
    names = [...(await containers(STACK, "control-plane")).keys()].sort();
    assert.ok(names.length >= 13);
    server = await cloudOf.boot(cloud, "before", "compute-0");
    await cloudOf.wired(cloud, server.id, compute, "compute-0");
  });

  after(() => stack.remove());

  /**
   * What was ACTIVE is and is wired, and another server can be had in time.
   * @returns seconds until it was ACTIVE
   */
  async function expectUsable(): Promise<number> {
    const began = Date.now();
    // A token may have been the dead keystone's.
    cloud = await OpenStackClient.connect(reference, AbortSignal.timeout(CALLS_MS));
    await cloudOf.eventually(
      "nova's services are up",
      USABLE_SECONDS,
      () => novaServices(cloud),
      (services) => services.every(({ state }) => state === "up"),
    );
    await cloudOf.settled(cloud, server.id, "ACTIVE", "compute-0");
    await cloudOf.wired(cloud, server.id, compute, "compute-0");
    const { id } = await cloudOf.boot(cloud, "afterwards", "compute-0");
    const seconds = (Date.now() - began) / 1000;
    assert.ok(seconds < USABLE_SECONDS, `a server took ${seconds} s`);
    await cloudOf.remove(cloud, [id]);
    return Math.round(seconds);
  }

  /**
   * One `up`, in time, that says what it repairs.
   * @returns seconds that it took
   */
  async function repaired(broken: string[], state: string): Promise<number> {
    const began = Date.now();
    const said = await stack.up();
    const seconds = (Date.now() - began) / 1000;
    for (const name of broken) {
      assert.ok(said.includes(`container ${name} is ${state}`), `${name}: ${said}`);
    }
    assert.ok(seconds < REPAIR_SECONDS, `${broken.join(", ")}: ${seconds} s`);
    const services = [...(await containers(STACK, "control-plane"))];
    assert.deepEqual(
      services.filter(([, { state }]) => state !== "running"),
      [],
    );
    return Math.round(seconds);
  }

  it("is repaired by one `up` after it was killed, whichever it is", async (test) => {
    for (const name of names) {
      await docker("kill", name);
      const seconds = await repaired([name], "exited");
      const usable = await expectUsable();
      test.diagnostic(`${name}: repaired in ${seconds} s, a server ${usable} s later`);
    }
    await stack.expectNoChanges();
  });

  it("goes on by itself after it stood still for longer than what counts as down, whichever it is", async (test) => {
    for (const name of names) {
      await docker("pause", name);
      await sleep((DOWN_SECONDS + REPORT_SECONDS) * 1000);
      await docker("unpause", name);
      const seconds = await expectUsable();
      test.diagnostic(`${name}: a server in ${seconds} s`);
    }
    await stack.expectNoChanges();
  });

  it("goes on by one `up` after all of them were made to stand still", async (test) => {
    await docker("pause", ...names);
    await sleep((DOWN_SECONDS + REPORT_SECONDS) * 1000);
    const seconds = await repaired(names, "paused");
    await expectUsable();
    test.diagnostic(`repaired in ${seconds} s`);
    await stack.expectNoChanges();
  });

  it("leaves nothing at work, and a destroy nothing at all", async () => {
    await expectQuiet(stack);
    await stack.destroy();
    await expectNothingLeft(stack);
  });
});
