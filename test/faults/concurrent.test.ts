import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { OpenStackClient } from "../../components/openstack/client.ts";
import { containers, docker, leftovers, ScratchStack } from "../../tools/scratch-stack.ts";
import { createContext } from "../../tools/setup/context.ts";
import { project } from "../../tools/setup/paths.ts";
import { holderOf } from "../../tools/sweep/machine.ts";
import { up } from "../../tools/up.ts";
import * as cloudOf from "../support/cloud.ts";
import {
  backendOf,
  expectNothingLeft,
  expectQuiet,
  PLACE,
  PLACE_BESIDE,
} from "../support/faults.ts";

const first = new ScratchStack("itest-faults");
const beside = new ScratchStack("itest-faults2");
const compute = (stack: ScratchStack) => `${stack.name}-compute-0`;
const tryUp = (stack: ScratchStack) =>
  stack.tryPulumi("up", "--yes", "--skip-preview", "--stack", stack.name);

/** Ids of everything that docker has of a stack. */
async function identities(stack: ScratchStack): Promise<object> {
  const { networks = [], volumes } = await leftovers(stack.name);
  return {
    controlPlane: await containers(stack.name, "control-plane"),
    computes: await containers(stack.name, "simulated-compute"),
    networks: await docker("network", "inspect", "--format", "{{.Id}}", ...networks),
    volumes,
  };
}

before(async () => {
  await first.create({ computes: 1, ...PLACE.settings });
  await beside.create({ computes: 1, ...PLACE_BESIDE.settings });
});

after(async () => {
  await first.remove();
  await beside.remove();
});

describe("two updates of a stack at once", { timeout: 20 * 60_000 }, () => {
  it("are one that goes on and one that is refused, and says who is at work", async () => {
    const going = first.up();
    const holder = await cloudOf.eventually(
      "the first holds the lock",
      30,
      () => Promise.resolve(holderOf(backendOf(first), first.name)),
      (seen) => seen !== undefined,
    );
    // Once containers are being made, which the second must not take for what a dead one left.
    await cloudOf.eventually(
      "the first makes containers",
      60,
      () => containers(first.name, "control-plane"),
      (seen) => seen.size > 1,
    );
    // What `npm run up` does once the machine is set up.
    const said: string[] = [];
    const context = createContext(project, { ...process.env, ...first.environment });
    const status = await up(context, first.name, [], (line) => said.push(line));
    assert.equal(status, 1);
    assert.deepEqual(said, [
      `up: pulumi (${holder}) is at work on ${first.name}: wait for it, or end it`,
    ]);
    const second = await tryUp(first);
    assert.notEqual(second.exitCode, 0);
    assert.match(second.all, /the stack is currently locked by 1 lock/);
    await going;
    const { hypervisors } = await first.outputs();
    assert.deepEqual(hypervisors, { requested: 1, registered: 1, names: ["compute-0"] });
    await first.expectNoChanges();
    await expectQuiet(first);
  });

  it("that begin in the same moment do no harm either", async () => {
    await docker("rm", "--force", compute(first));
    const both = await Promise.all([tryUp(first), tryUp(first)]);
    // Each may have seen the other's lock.
    assert.ok(both.some(({ exitCode }) => exitCode !== 0));
    for (const { exitCode, all } of both) {
      if (exitCode !== 0) assert.match(all, /the stack is currently locked by \d lock/);
    }
    await first.up();
    await first.expectNoChanges();
    await expectQuiet(first);
  });
});

describe("two stacks on one machine", { timeout: 20 * 60_000 }, () => {
  let cloud: OpenStackClient;
  let server: cloudOf.ServerState;

  it("come up side by side, at the same time", async () => {
    await first.configure({ computes: 2 });
    await Promise.all([first.up(), beside.up()]);
    assert.equal((await first.outputs()).hypervisors.registered, 2);
    assert.equal((await beside.outputs()).hypervisors.registered, 1);
    const other = await first.cloud();
    const theirs = await cloudOf.boot(other, "theirs", "compute-0");
    await cloudOf.wired(other, theirs.id, compute(first), "compute-0");
    cloud = await beside.cloud();
    server = await cloudOf.boot(cloud, "ours");
    await cloudOf.wired(cloud, server.id, compute(beside), "compute-0");
  });

  it("go one without the other", async () => {
    const before = await identities(beside);
    await first.destroy();
    await expectNothingLeft(first);
    assert.deepEqual(await identities(beside), before);
    await cloudOf.settled(cloud, server.id, "ACTIVE", "compute-0");
    await cloudOf.wired(cloud, server.id, compute(beside), "compute-0");
    const another = await cloudOf.boot(cloud, "another");
    await cloudOf.wired(cloud, another.id, compute(beside), "compute-0");
    await beside.expectNoChanges();
    await beside.destroy();
    await expectNothingLeft(beside);
  });
});
