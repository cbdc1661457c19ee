import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { PROJECT_DIRECTORY } from "../project.ts";
import { Step } from "../step/step.ts";
import type { DomainType } from "../libvirt/domain-type.ts";
import { cmdlineOf, type NodeImageBuild, type NodeImageFiles } from "./plan.ts";

/** What the node image is built from, besides the OpenStack image. */
export const NODE_IMAGE_CONTEXT = join(PROJECT_DIRECTORY, "images/node");

/** Seconds that a build may take; on two busy cores and a slow package mirror it takes minutes. */
const BUILD_TIMEOUT_SECONDS = 1800;

export interface NodeImageArgs {
  /** Id of the OpenStack image. */
  imageId: pulumi.Input<string>;
  /** Hash of what is in NODE_IMAGE_CONTEXT. */
  contentHash: string;
  /** What boots the image. Default "qemu": an image for emulated processors boots under KVM as well. */
  domainType?: DomainType;
  /** Folder that all stacks of this machine share. */
  cacheDirectory: string;
  /** The stack's folder of outputs. */
  outputDirectory: string;
}

/**
 * The OpenStack image as what a domain boots: made when one of its parts changes, and only then. Not when it is missing, as
 * a machine's pool has its own copy.
 */
export class NodeImage extends pulumi.ComponentResource {
  /** Path of a qcow2 file with one ext4 file system. */
  readonly disk: pulumi.Output<string>;
  readonly kernel: pulumi.Output<string>;
  readonly initrd: pulumi.Output<string>;
  /** Tells this image from others, in names of volumes for instance. */
  readonly hash: pulumi.Output<string>;
  /** Kernel arguments. */
  readonly cmdline: string;

  constructor(name: string, args: NodeImageArgs, options?: pulumi.ComponentResourceOptions) {
    super("overcloud:index:NodeImage", name, {}, options);
    this.cmdline = cmdlineOf(args.domainType ?? "qemu");
    const built = new Step(
      name,
      {
        directory: `${args.outputDirectory}/logs`,
        run: {
          action: "node-image/build",
          args: {
            contentHash: args.contentHash,
            context: NODE_IMAGE_CONTEXT,
            cacheDirectory: args.cacheDirectory,
          } satisfies NodeImageBuild,
          timeoutSeconds: BUILD_TIMEOUT_SECONDS,
        },
        input: args.imageId,
      },
      { parent: this },
    );
    const files = built.result.apply((result) => JSON.parse(result) as NodeImageFiles);
    this.disk = files.disk;
    this.kernel = files.kernel;
    this.initrd = files.initrd;
    this.hash = files.hash;
    this.registerOutputs({ hash: this.hash });
  }
}
