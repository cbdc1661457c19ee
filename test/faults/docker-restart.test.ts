import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { BASE_IMAGE } from "../../components/image/base-image.ts";
import type { OpenStackClient } from "../../components/openstack/client.ts";
import { containers, docker, ScratchStack } from "../../tools/scratch-stack.ts";
import { cacheImage } from "../../tools/setup/tasks/images.ts";
import * as cloudOf from "../support/cloud.ts";
import {
  DockerDaemon,
  isInside,
  projectWithoutBuild,
  runInside,
} from "../support/docker-daemon.ts";
import { expectNothingLeft, PLACE } from "../support/faults.ts";

const STACK = "itest-faults";
const compute = (index: number) => `${STACK}-compute-${index}`;

/** Seconds until the cloud takes servers again after its daemon is back, the `up` that brings it back included. */
const RETURN_SECONDS = 240;
const TIMEOUT = { timeout: 25 * 60_000 };

/** The containers with their states, all of them. */
async function all(): Promise<Map<string, { id: string; state: string }>> {
  const roles = ["control-plane", "simulated-compute"];
  const each = await Promise.all(roles.map((role) => containers(STACK, role)));
  return new Map(each.flatMap((some) => [...some]));
}

function restarts(): void {
  describe("a docker daemon that is started again", TIMEOUT, () => {
    const daemon = new DockerDaemon();
    const stack = new ScratchStack(STACK, projectWithoutBuild());
    let cloud: OpenStackClient;
    let servers: cloudOf.ServerState[] = [];
    const query = (sql: string) => docker("exec", `${STACK}-mariadb`, "mariadb", "-N", "-e", sql);

    before(async () => {
      await daemon.start();
      await daemon.takeOver(cacheImage, BASE_IMAGE);
      await stack.create({ computes: 2, ...PLACE.settings });
      await stack.up();
      cloud = await stack.cloud();
      servers = [
        await cloudOf.boot(cloud, "first", "compute-0"),
        await cloudOf.boot(cloud, "second", "compute-1"),
      ];
      await expectWired();
    });

    after(async () => {
      await stack.remove();
      await daemon.end("SIGTERM");
    });

    async function expectWired(): Promise<void> {
      for (const [index, { id }] of servers.entries()) {
        await cloudOf.settled(cloud, id, "ACTIVE", `compute-${index}`);
        await cloudOf.wired(cloud, id, compute(index), `compute-${index}`);
      }
    }

    /** What keeps a server from being ACTIVE; empty where nothing does. */
    async function obstacle(): Promise<string> {
      try {
        cloud = await stack.cloud();
        const { id } = await cloudOf.boot(cloud, "another", "compute-1");
        await cloudOf.remove(cloud, [id]);
        return "";
      } catch (error) {
        return String(error);
      }
    }

    /** How docker ends, and what has its containers run again. */
    const ENDS = [
      { signal: "SIGTERM", by: "by themselves", bring: async () => {} },
      { signal: "SIGKILL", by: "by one `up`", bring: () => stack.up() },
    ] as const;

    for (const { signal, by, bring } of ENDS) {
      it(`has the cloud and its servers back ${by} after ${signal}`, async (test) => {
        const earlier = await all();
        await daemon.end(signal);
        await daemon.start();
        const began = Date.now();
        await bring();
        const now = await cloudOf.eventually("all containers run", 60, all, (seen) =>
          [...seen.values()].every(({ state }) => state === "running"),
        );
        for (const [name, { id }] of earlier) assert.equal(now.get(name)?.id, id, name);
        await cloudOf.eventually(
          "another server is ACTIVE",
          RETURN_SECONDS,
          obstacle,
          (seen) => seen === "",
        );
        const seconds = Math.round((Date.now() - began) / 1000);
        test.diagnostic(`usable after ${seconds} s`);
        assert.ok(seconds < RETURN_SECONDS, `${seconds} s`);
        await expectWired();
        cloudOf.expectKnown(await cloudOf.known(cloud, query), ["compute-0", "compute-1"]);
        await stack.up();
        await stack.expectNoChanges();
        for (const [name, { id }] of earlier) assert.equal((await all()).get(name)?.id, id, name);
      });
    }

    it("leaves nothing after a destroy", async () => {
      await stack.destroy();
      await expectNothingLeft(stack);
    });
  });
}

if (isInside) restarts();
else {
  it("a docker daemon that is started again, one of the test's own", TIMEOUT, () =>
    runInside(fileURLToPath(import.meta.url)),
  );
}
