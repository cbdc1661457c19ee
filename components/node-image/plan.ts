import { createHash } from "node:crypto";
import { join } from "node:path";
import type { DomainType } from "../libvirt/domain-type.ts";

/**
 * Kernel arguments of every node; there is no boot loader. What a node says goes to its first serial line.
 * Without the two processor features, kernel and libraries copy and clear memory by plain loops: an emulated processor
 * runs the one instruction that is meant to be faster byte by byte, and half of the time until the data is ready went there.
 * Huge pages are cleared as a whole, whatever is used of them.
 */
export function cmdlineOf(domainType: DomainType): string {
  return [
    ...["console=ttyS0", "root=/dev/vda", "rw", "quiet", "net.ifnames=0"],
    // Everything that runs on a node is its own: guarding parts of it from others is dear.
    "mitigations=off",
    ...(domainType === "qemu" ? ["clearcpuid=erms,fsrm", "transparent_hugepage=never"] : []),
    "init=/usr/lib/overcloud/node/init",
  ].join(" ");
}

/** Size of the root file system; what is empty takes no room on the hypervisor. */
export const ROOT_SIZE = "8G";

/** What a stack asks for; which OpenStack image, it says apart. */
export interface NodeImageBuild {
  /** Hash of what is in the build context. */
  contentHash: string;
  /** The build context, images/node. */
  context: string;
  /** Folder of all node images of this machine. */
  cacheDirectory: string;
}

/** Programs that make a node image, and the names of what they make, follow from these alone. */
export interface NodeImageSource extends NodeImageBuild {
  /** Id of the OpenStack image. */
  imageId: string;
  /** Hashes of that image's layers: all of it that a node has. */
  layers: readonly string[];
}

/** What a domain boots. */
export interface NodeImageFiles {
  /** qcow2 with one ext4 file system. */
  disk: string;
  kernel: string;
  initrd: string;
  /** Tells this image from others, in names of volumes for instance. */
  hash: string;
}

export interface NodeImagePlan extends NodeImageFiles {
  /** Holds the files; put in place as a whole. */
  folder: string;
  /** Images that exist while the node image is made. */
  tags: { kernel: string; node: string };
  /** The container whose file system becomes the disk; it never runs. */
  container: string;
  build: { kernel: string[]; node: string[] };
}

/** How a node image is made, and where it is. Pure. */
export function planNodeImage(source: NodeImageSource): NodeImagePlan {
  const { imageId, layers, contentHash, context, cacheDirectory } = source;
  const hash = createHash("sha256")
    .update(JSON.stringify([layers, contentHash, ROOT_SIZE]))
    .digest("hex")
    .slice(0, 12);
  const folder = join(cacheDirectory, hash);
  const tags = { kernel: `overcloud-node-kernel:${hash}`, node: `overcloud-node:${hash}` };
  const build = (target: "kernel" | "node"): string[] => [
    ...["docker", "build", "--quiet", "--network", "host", "--build-arg", `IMAGE=${imageId}`],
    ...["--target", target, "--tag", tags[target], context],
  ];
  return {
    folder,
    disk: join(folder, "disk.qcow2"),
    kernel: join(folder, "kernel"),
    initrd: join(folder, "initrd"),
    hash,
    tags,
    container: `overcloud-node-${hash}`,
    build: { kernel: build("kernel"), node: build("node") },
  };
}
