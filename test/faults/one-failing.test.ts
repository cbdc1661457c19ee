import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { OpenStackClient } from "../../components/openstack/client.ts";
import { novaServices } from "../../components/openstack/compute.ts";
import { addressAt } from "../../config/addresses.ts";
import { FIRST_COMPUTE_OFFSET } from "../../config/rules.ts";
import { containers, docker, ScratchStack } from "../../tools/scratch-stack.ts";
import { cacheImage } from "../../tools/setup/tasks/images.ts";
import * as cloudOf from "../support/cloud.ts";
import { expectNothingLeft, expectQuiet, PLACE } from "../support/faults.ts";

const STACK = "itest-faults";
const FOREIGN = "itest-faults-guest";
const stack = new ScratchStack(STACK);
const compute = (index: number) => `${STACK}-compute-${index}`;

/** Seconds in which an `up` ends that can't start one of its computes, and the one that then can. */
const FAILING_SECONDS = 60;
const HEALING_SECONDS = 120;

describe("one compute of several that can't start", { timeout: 20 * 60_000 }, () => {
  let cloud: OpenStackClient;
  let server: cloudOf.ServerState;
  const query = (sql: string) => docker("exec", `${STACK}-mariadb`, "mariadb", "-N", "-e", sql);

  before(async () => {
    await stack.create({ computes: 1, ...PLACE.settings });
    await stack.up();
    cloud = await stack.cloud();
    server = await cloudOf.boot(cloud, "before", "compute-0");
    await cloudOf.wired(cloud, server.id, compute(0), "compute-0");
  });

  after(async () => {
    await docker("rm", "--force", FOREIGN);
    await stack.remove();
  });

  it("is named by an `up` that fails, in time", async (test) => {
    // Somebody's own container in the stack's network has got the address of the third compute.
    const address = addressAt(PLACE.network, FIRST_COMPUTE_OFFSET + 2);
    const [image = ""] = (await docker("images", "--quiet", cacheImage)).split("\n");
    await docker(
      ...["run", "--detach", "--name", FOREIGN, "--network", STACK, "--ip", address],
      ...["--entrypoint", "sleep", image, "1200"],
    );
    await stack.configure({ computes: 5 });
    const began = Date.now();
    // Two at a time, so that there are some left to begin with when the one fails.
    const { exitCode, all } = await stack.tryPulumi(
      ...["up", "--yes", "--skip-preview", "--stack", STACK],
      ...["--continue-on-error", "--parallel", "2"],
    );
    const seconds = (Date.now() - began) / 1000;
    test.diagnostic(`failed after ${Math.round(seconds)} s`);
    assert.notEqual(exitCode, 0);
    assert.match(all, /compute-2.*\n?.*Address already in use/i);
    assert.ok(seconds < FAILING_SECONDS, `${seconds} s`);
    await expectQuiet(stack);
  });

  it("keeps no other from starting, and no server from running", async () => {
    const others = [0, 1, 3, 4];
    const states = await containers(STACK, "simulated-compute");
    assert.deepEqual(
      others.map((index) => states.get(compute(index))?.state),
      others.map(() => "running"),
    );
    await cloudOf.eventually(
      "the other computes are up",
      60,
      () => novaServices(cloud, { binary: "nova-compute" }),
      (services) =>
        others.every((index) =>
          services.some(({ host, state }) => host === `compute-${index}` && state === "up"),
        ),
    );
    await cloudOf.settled(cloud, server.id, "ACTIVE", "compute-0");
    await cloudOf.wired(cloud, server.id, compute(0), "compute-0");
  });

  it("starts with the next `up` once it can", async (test) => {
    const before = await containers(STACK, "simulated-compute");
    await docker("rm", "--force", FOREIGN);
    const began = Date.now();
    await stack.up();
    const seconds = (Date.now() - began) / 1000;
    test.diagnostic(`healed in ${Math.round(seconds)} s`);
    assert.ok(seconds < HEALING_SECONDS, `${seconds} s`);
    const hosts = [0, 1, 2, 3, 4].map((index) => `compute-${index}`);
    cloudOf.expectKnown(await cloudOf.known(cloud, query), hosts);
    const now = await containers(STACK, "simulated-compute");
    for (const index of [0, 1, 3, 4]) {
      assert.equal(now.get(compute(index))?.id, before.get(compute(index))?.id);
    }
    const { id } = await cloudOf.boot(cloud, "afterwards", "compute-2");
    await cloudOf.wired(cloud, id, compute(2), "compute-2");
    await stack.expectNoChanges();
  });

  it("leaves nothing after a destroy", async () => {
    await stack.destroy();
    await expectNothingLeft(stack);
  });
});
