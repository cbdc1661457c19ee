import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { contentHash } from "../components/image/content-hash.ts";
import { asRoot } from "./setup/host.ts";
import type { TaskLog } from "./setup/log.ts";
import type { Paths } from "./setup/paths.ts";

/** A disk image that QEMU boots directly: it has no boot loader. */
export interface NodeImage {
  /** qcow2, one ext4 file system, which grows to its disk at the first boot. */
  readonly disk: string;
  readonly kernel: string;
  readonly initrd: string;
  readonly cmdline: string;
}

/** Size of the file system before it grows with its disk. */
const size = "1G";

const recipeOf = (paths: Paths) => path.join(paths.root, "tools", "node-image");

/** Where the image made from today's recipe is, whether or not it was made. */
export async function nodeImageOf(paths: Paths): Promise<NodeImage & { folder: string }> {
  const hash = await contentHash(recipeOf(paths));
  const folder = path.join(paths.toolchain, "node-image", hash.slice(0, 16));
  return {
    folder,
    disk: path.join(folder, "disk.qcow2"),
    kernel: path.join(folder, "vmlinuz"),
    initrd: path.join(folder, "initrd"),
    // What a VM in a test says goes to its console; nobody waits for the display.
    cmdline: "console=ttyS0 root=/dev/vda rw quiet net.ifnames=0",
  };
}

/** Whether the image is there; it is put in place as a whole. */
export async function hasNodeImage(paths: Paths): Promise<boolean> {
  return existsSync((await nodeImageOf(paths)).folder);
}

/** Makes the image from distribution packages, as root; takes a minute. */
export async function makeNodeImage(paths: Paths, log: TaskLog): Promise<NodeImage> {
  const image = await nodeImageOf(paths);
  const recipe = recipeOf(paths);
  const work = `${image.folder}.tmp`;
  const root = path.join(work, "root");
  const packages = readFileSync(path.join(recipe, "packages.txt"), "utf8").trim().split("\n");
  const sudo = async (...argv: string[]) => {
    const [command = "", ...args] = await asRoot(argv, "Making the node image");
    await log.run(command, args, {
      timeoutSeconds: 900,
      failure: "The node image could not be made from distribution packages",
    });
  };
  await sudo("rm", "-rf", work);
  mkdirSync(work, { recursive: true });
  await sudo(
    ...["mmdebstrap", "--variant=minbase", `--include=${packages.join(",")}`],
    ...["man", "doc", "locale"].map((each) => `--dpkgopt=path-exclude=/usr/share/${each}/*`),
    // Before the kernel's package makes the initial RAM disk.
    `--essential-hook=sync-in ${path.join(recipe, "early")} /`,
    `--customize-hook=sync-in ${path.join(recipe, "rootfs")} /`,
    `--customize-hook=${path.join(recipe, "customize")}`,
    ...["trixie", root],
  );
  await sudo("sh", "-c", `cp -L ${root}/vmlinuz ${root}/initrd.img ${work} && chmod a+r ${work}/*`);
  renameSync(path.join(work, "initrd.img"), path.join(work, "initrd"));
  const raw = path.join(work, "disk.raw");
  await sudo("mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-d", root, raw, size);
  await log.run("qemu-img", ["convert", "-O", "qcow2", raw, path.join(work, "disk.qcow2")]);
  await sudo("rm", "-rf", root, raw);
  // Older recipes' images are of no use to anybody.
  const all = path.dirname(image.folder);
  for (const other of readdirSync(all)) {
    if (path.join(all, other) !== work) rmSync(path.join(all, other), { recursive: true });
  }
  renameSync(work, image.folder);
  return image;
}
