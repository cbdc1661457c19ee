import { createHash } from "node:crypto";
import { join } from "node:path";
import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { labelsOf } from "../names.ts";
import type { ComputeRelease } from "../overcloud/release.ts";
import { PROJECT_DIRECTORY } from "../project.ts";
import { BASE_IMAGE } from "./base-image.ts";
import { contentHash } from "./content-hash.ts";

/** What the image is built from: its own folder, and in the one beside it what runs in every compute. */
const CONTEXT = join(PROJECT_DIRECTORY, "images");
const SOURCES = ["compute", "openstack/rootfs", "openstack/build"];

/** Name of such an image. The content is in it as well: removing the image before a rebuild must not remove the new one. */
export function computeImageName({
  names,
  target = "compute",
  release,
  contentHash,
}: Pick<ComputeImageArgs, "names" | "target" | "release" | "contentHash">): string {
  return `${names}-${target}-${release}:${contentHash.slice(0, 12)}`;
}

export interface ComputeImageArgs {
  /** Prefix of the image's name. */
  names: string;
  /** Stack that the image is labelled with. */
  stack: string;
  release: ComputeRelease;
  /** Which of the stages of images/compute/Dockerfile. Default: compute; tests need a control plane, too. */
  target?: "compute" | "control-plane";
  /** Hash of what it is built from; see computeImageHash. */
  contentHash: string;
  /** Certificates that the build is to trust besides Debian's; see localCertificates. */
  certificates: string;
}

/** A hash of everything that the images of older releases are built from. */
export async function computeImageHash(): Promise<string> {
  const hash = createHash("sha256");
  for (const source of SOURCES) hash.update(await contentHash(join(CONTEXT, source)));
  return hash.digest("hex");
}

/** The image of simulated computes with the nova-compute of an older release, built from images/compute. */
export class ComputeImage extends pulumi.ComponentResource {
  readonly imageId: pulumi.Output<string>;

  constructor(name: string, args: ComputeImageArgs, options?: pulumi.ComponentResourceOptions) {
    super("overcloud:index:ComputeImage", name, {}, options);
    const { release, target = "compute" } = args;
    const image = new docker.RemoteImage(
      name,
      {
        name: computeImageName(args),
        build: {
          context: CONTEXT,
          dockerfile: "compute/Dockerfile",
          target,
          buildArgs: {
            BASE_IMAGE,
            RELEASE: release,
            CERTIFICATES: args.certificates,
          },
          // Package sources may be reachable from the host's network only.
          networkMode: "host",
          useLegacyBuilder: true,
          labels: labelsOf(args.stack),
        },
        triggers: { content: args.contentHash },
      },
      {
        parent: this,
        // What the machine trusts changes nothing about an image that is built.
        ignoreChanges: ["build.buildArgs.CERTIFICATES"],
        customTimeouts: { create: "40m" },
      },
    );
    this.imageId = image.imageId;
    this.registerOutputs({ imageId: this.imageId });
  }
}
