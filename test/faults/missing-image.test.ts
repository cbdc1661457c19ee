import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { STACK_LABEL } from "../../components/names.ts";
import type { OpenStackClient } from "../../components/openstack/client.ts";
import { containers, docker, leftovers, ScratchStack } from "../../tools/scratch-stack.ts";
import * as cloudOf from "../support/cloud.ts";
import { DockerDaemon, isInside, runInside } from "../support/docker-daemon.ts";
import { expectNothingLeft, expectQuiet, PLACE } from "../support/faults.ts";

const STACK = "itest-faults";
const stack = new ScratchStack(STACK);
const compute = `${STACK}-compute-0`;

/** Seconds in which an `up` has the image back, what it was built from being there still. */
const HEALING_SECONDS = 120;

/** Seconds in which an `up` ends that has nothing to build an image from. */
const REFUSAL_SECONDS = 60;

const TIMEOUT = { timeout: 20 * 60_000 };

if (!isInside) {
  describe("a stack whose image was removed", TIMEOUT, () => {
    let cloud: OpenStackClient;
    let server: cloudOf.ServerState;
    let image = "";

    before(async () => {
      await stack.create({ computes: 1, ...PLACE.settings });
      await stack.up();
      cloud = await stack.cloud();
      server = await cloudOf.boot(cloud, "before", "compute-0");
      await cloudOf.wired(cloud, server.id, compute, "compute-0");
      [image = ""] = (await leftovers(STACK))["images"] ?? [];
      assert.match(image, new RegExp(`^${STACK}-openstack:`));
    });

    after(async () => {
      await stack.remove();
      // What the test has taken the name of is nobody's to remove.
      await docker("image", "prune", "--force", "--filter", `label=${STACK_LABEL}=${STACK}`);
    });

    it("runs on without it", async () => {
      await docker("rmi", "--force", image);
      assert.deepEqual((await leftovers(STACK))["images"], []);
      const { id } = await cloudOf.boot(cloud, "meanwhile", "compute-0");
      await cloudOf.remove(cloud, [id]);
    });

    it("has it again after one `up`, with a compute that was removed as well", async (test) => {
      const before = await containers(STACK, "control-plane");
      await docker("rm", "--force", compute);
      const began = Date.now();
      await stack.up();
      const seconds = (Date.now() - began) / 1000;
      test.diagnostic(`healed in ${Math.round(seconds)} s`);
      assert.ok(seconds < HEALING_SECONDS, `${seconds} s`);
      assert.deepEqual((await leftovers(STACK))["images"], [image]);
      // The same image: what was made of it stays.
      const now = await containers(STACK, "control-plane");
      for (const [name, { id }] of before) assert.equal(now.get(name)?.id, id, name);
      await cloudOf.settled(cloud, server.id, "ACTIVE", "compute-0");
      await cloudOf.wired(cloud, server.id, compute, "compute-0");
      await stack.expectNoChanges();
      await expectQuiet(stack);
    });

    it("is destroyed without it", async () => {
      await docker("rmi", "--force", image);
      await stack.destroy();
      await expectNothingLeft(stack);
    });
  });

  describe("a docker daemon without any image", TIMEOUT, () => {
    it("is one of the test's own", () => runInside(fileURLToPath(import.meta.url)));
  });
} else {
  describe("a stack for whose image there is nothing to build it from", TIMEOUT, () => {
    const daemon = new DockerDaemon();

    before(async () => {
      await daemon.start();
      await stack.create({ computes: 1, ...PLACE.settings });
    });

    after(async () => {
      await stack.remove();
      await daemon.end("SIGTERM");
    });

    it("is refused before anything is made, with what to do", async (test) => {
      const began = Date.now();
      const { exitCode, all } = await stack.tryPulumi(
        ...["up", "--yes", "--skip-preview", "--stack", STACK],
      );
      const seconds = (Date.now() - began) / 1000;
      test.diagnostic(`refused in ${Math.round(seconds)} s`);
      assert.ok(seconds < REFUSAL_SECONDS, `${seconds} s`);
      assert.notEqual(exitCode, 0);
      assert.match(
        all,
        /docker has neither the image itest-faults-openstack:\w+ nor overcloud-base:trixie, .*; run `npm run setup`\./,
      );
      await expectNothingLeft(stack);
    });
  });
}
