import { existsSync, mkdirSync, rmSync } from "node:fs";
import path from "node:path";
import { execa } from "execa";
import { BASE_IMAGE } from "../../../components/image/base-image.ts";
import { contentHash } from "../../../components/image/content-hash.ts";
import { aptInstall } from "../apt.ts";
import type { Context } from "../context.ts";
import type { Task } from "../graph.ts";
import { asRoot, which } from "../host.ts";
import { buildImage, dockerClient } from "../image-build.ts";

/** Keeps the build's layers, so that the program's own build of the same folder takes seconds. */
export const cacheImage = "overcloud-openstack:cache";

/** Label of cacheImage: hash of what it was built from. */
const contentLabel = "overcloud.content";
const published = "debian:trixie-slim";
const findOutSeconds = 10;

/** The base image: of a registry where one answers, else made from distribution packages. */
export function baseImageTask(context: Context): Task {
  const name = "base-image";
  return {
    name,
    needs: ["docker"],
    done: async () => ((await imageExists(BASE_IMAGE)) ? "" : undefined),
    run: async () => {
      const log = context.log(name);
      if (await pull(context, name)) {
        await log.run("docker", ["tag", published, BASE_IMAGE]);
        return published;
      }
      await makeFromPackages(context, name);
      return "made from distribution packages, no registry answers";
    },
  };
}

/** Pulls the published image; gives up where no registry has answered within the time. */
async function pull(context: Context, task: string): Promise<boolean> {
  const log = context.log(task);
  log.write(`$ docker pull ${published}`);
  const pulling = execa("docker", ["pull", published], {
    reject: false,
    all: true,
    stdin: "ignore",
  });
  let answered = false;
  const giveUp = setTimeout(() => !answered && pulling.kill(), findOutSeconds * 1000);
  for await (const line of pulling.iterable({ from: "all" })) {
    log.write(line);
    answered ||= line.includes("Pulling from");
  }
  clearTimeout(giveUp);
  return !(await pulling).failed;
}

async function makeFromPackages(context: Context, task: string): Promise<void> {
  const log = context.log(task);
  if (which("mmdebstrap") === undefined) await aptInstall(context, task, ["mmdebstrap"]);
  const work = path.join(context.paths.toolchain, "base-image.tmp");
  const tar = path.join(work, "trixie.tar");
  mkdirSync(work, { recursive: true });
  try {
    const argv = ["mmdebstrap", "--variant=apt", "trixie", tar];
    const [command = "", ...args] = await asRoot(argv, "Making the base image");
    await log.run(command, args, {
      timeoutSeconds: 900,
      failure: "The base image could not be made from distribution packages",
    });
    await log.run("docker", ["import", "--change", 'CMD ["bash"]', tar, BASE_IMAGE]);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Builds the OpenStack image once, so that the program's own build finds every layer in the cache. */
export function openstackImageTask(context: Context): Task {
  const name = "openstack-image";
  const folder = path.join(context.paths.root, "images", "openstack");
  return {
    name,
    needs: ["docker", "base-image"],
    done: async () => {
      if (!existsSync(path.join(folder, "Dockerfile"))) return "";
      const image = await dockerClient(context.env)
        .getImage(cacheImage)
        .inspect()
        .catch(() => undefined);
      return image?.Config.Labels?.[contentLabel] === (await contentHash(folder)) ? "" : undefined;
    },
    run: async () => {
      await buildImage(dockerClient(context.env), context.log(name), {
        folder,
        tag: cacheImage,
        buildArgs: { BASE_IMAGE },
        labels: { [contentLabel]: await contentHash(folder) },
        failure: "The OpenStack image could not be built",
      });
      return cacheImage;
    },
  };
}

export async function imageExists(image: string): Promise<boolean> {
  const result = await execa("docker", ["image", "inspect", image], { reject: false });
  return !result.failed;
}
