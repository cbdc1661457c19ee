import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { OpenStackClient } from "../../components/openstack/client.ts";
import { novaServices } from "../../components/openstack/compute.ts";
import { boot, eventually, remove, server, wired, type ServerState } from "../support/cloud.ts";
import { sweepLibvirt, expectNoneInLibvirt } from "../support/libvirt.ts";
import { onNode as onNodeOf } from "../support/node.ts";
import { placeOf } from "../support/places.ts";
import { ScratchStack } from "../../tools/scratch-stack.ts";
import { expectNoneInDocker } from "../support/docker.ts";

const STACK = "itest-clock";
const PLACE = placeOf("clock");
const stack = new ScratchStack(STACK);
const HOUR = 3600;

/** Far more than nova's and neutron's down time. Containers have this machine's clock; a node has one of its own. */
const JUMPS = [
  { name: "an hour forward", seconds: HOUR },
  { name: "and an hour back", seconds: -HOUR },
];

const onNode = (...command: string[]) => onNodeOf(stack, ...command);

/** Seconds by which the control plane's clock is ahead of the computes'. */
const ahead = async () => Number(await onNode("date", "+%s")) - Date.now() / 1000;

/**
 * Seconds in which all is well again: a question that waits for the clock to be where it was is given up after a minute, and in a
 * minute the node has its machine's clock again.
 */
const BOUND = 150;

/** Services of nova that it does not know to be up, or why it does not say. */
async function notUp(cloud: OpenStackClient): Promise<string[]> {
  try {
    const services = await novaServices(cloud);
    const down = services.filter(({ state }) => state !== "up");
    return down.map(({ binary, host }) => `${binary} ${host}`);
  } catch (error) {
    return [String(error)];
  }
}

describe("a clock that jumps", { timeout: 60 * 60_000 }, () => {
  const servers: ServerState[] = [];

  before(async () => {
    await sweepLibvirt(STACK);
    await stack.create({
      computes: 1,
      "standalone.placement": "node",
      ...PLACE.settings,
      ...PLACE.nodeSettings,
    });
    await stack.up();
    servers.push(await boot(await stack.cloud(), "before", "compute-0"));
  });

  after(() => stack.remove());

  for (const { name, seconds } of JUMPS) {
    it(`${name}: computes are up again with their next reports, and servers as before`, async () => {
      const expected = (await ahead()) + seconds;
      await onNode("date", "--set", `"${seconds} seconds"`);
      assert.ok(Math.abs((await ahead()) - expected) < 60, "the clock has jumped");
      // One that authenticates by the new time.
      const cloud = await stack.cloud();
      await eventually(
        "every service up",
        BOUND,
        () => notUp(cloud),
        (down) => down.length === 0,
      );
      const booted = await boot(cloud, name, "compute-0");
      servers.push(booted);
      for (const { id } of servers) {
        assert.equal((await server(cloud, id)).status, "ACTIVE");
        await wired(cloud, id, `${STACK}-compute-0`, "compute-0");
      }
      await stack.expectNoChanges();
    });
  }

  it("leaves nothing behind", async () => {
    await remove(
      await stack.cloud(),
      servers.map(({ id }) => id),
    );
    await stack.destroy();
    await expectNoneInLibvirt(STACK);
    await expectNoneInDocker(STACK);
  });
});
