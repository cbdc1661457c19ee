import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { lock } from "proper-lockfile";
import { z } from "zod";
import type { Action, ActionContext } from "../step/action.ts";
import {
  planNodeImage,
  ROOT_SIZE,
  type NodeImageBuild,
  type NodeImageFiles,
  type NodeImagePlan,
} from "./plan.ts";

/** Days that an image is kept which no stack asked for. Domains boot from copies in their pool, so none misses it. */
const KEPT_DAYS = 7;

/** Seconds after which the lock of a build that was killed is given to the next. */
const STALE_SECONDS = 30;

/**
 * Makes a node image from an OpenStack image, whose id comes on standard input, unless it is there. Two stacks that ask
 * for the same one at a time make it once. Needs docker and nothing else; takes a minute or two.
 * @throws ProgramError when docker or mke2fs fails; nothing is left of the attempt then
 */
export const buildNodeImage: Action<NodeImageBuild> = async (args, context) => {
  const imageId = z
    .string()
    .min(1)
    .parse(await context.readInput());
  const plan = planNodeImage({ ...args, imageId, layers: await layersOf(imageId, context) });
  await mkdir(args.cacheDirectory, { recursive: true });
  const release = await lockCache(args.cacheDirectory, context);
  try {
    if (!existsSync(plan.folder)) await make(plan, args.context, context);
    const now = new Date();
    await utimes(plan.folder, now, now);
    await removeOld(args.cacheDirectory, now, context);
  } finally {
    await release();
  }
  const { disk, kernel, initrd, hash } = plan;
  return { disk, kernel, initrd, hash } satisfies NodeImageFiles;
};

/** What is in an image. Its id differs from stack to stack: a stack's image carries the stack's label. */
async function layersOf(imageId: string, { run }: ActionContext): Promise<string[]> {
  const format = "{{json .RootFS.Layers}}";
  const layers = await run({ argv: ["docker", "image", "inspect", "--format", format, imageId] });
  return z.array(z.string()).min(1).parse(JSON.parse(layers));
}

async function make(plan: NodeImagePlan, recipe: string, { report, run }: ActionContext) {
  const part = `${plan.folder}.tmp`;
  const docker = (...argv: string[]) => run({ argv: ["docker", ...argv] });
  // The builder that has the OpenStack image by its id, also where it is in no registry.
  const environment = { DOCKER_BUILDKIT: "0" };
  // Of an attempt that was killed.
  await rm(part, { recursive: true, force: true });
  await docker("rm", "--force", plan.container);
  await mkdir(part);
  try {
    report("node image: installing the kernel");
    await run({ argv: plan.build.kernel, environment });
    report("node image: installing what starts the services");
    await run({ argv: plan.build.node, environment });
    report("node image: writing the disk");
    await docker("create", "--name", plan.container, plan.tags.node);
    await run({
      argv: [join(recipe, "build/export"), plan.container, plan.tags.kernel, ROOT_SIZE, part],
    });
    await rename(part, plan.folder);
  } finally {
    await rm(part, { recursive: true, force: true });
    // A step that was told to end runs no program any more; what it leaves is removed by the next.
    await docker("rm", "--force", plan.container).catch(() => undefined);
    await docker("rmi", plan.tags.node, plan.tags.kernel).catch(() => undefined);
  }
}

async function lockCache(
  directory: string,
  { report, signal }: ActionContext,
): Promise<() => Promise<void>> {
  for (let waited = false; ; waited = true) {
    try {
      return await lock(directory, { stale: STALE_SECONDS * 1000 });
    } catch (error) {
      if ((error as { code?: unknown }).code !== "ELOCKED") throw error;
    }
    if (!waited) report("node image: waiting for another stack that makes it");
    signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

async function removeOld(directory: string, now: Date, { report }: ActionContext) {
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    const age = now.getTime() - (await stat(path)).mtimeMs;
    if (!/^[0-9a-f]{12}(\.tmp)?$/.test(name) || age < KEPT_DAYS * 86_400_000) continue;
    report(`node image: removing ${name}, which nobody asked for in ${KEPT_DAYS} days`);
    await rm(path, { recursive: true });
  }
}
