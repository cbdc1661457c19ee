import { join } from "node:path";
import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { labelsOf } from "../names.ts";
import { BASE_IMAGE } from "./base-image.ts";
import { PROJECT_DIRECTORY } from "../project.ts";

/** What the image is built from. */
export const IMAGE_CONTEXT = join(PROJECT_DIRECTORY, "images/openstack");

/** Name of a stack's image. The content is in it as well: removing the image before a rebuild must not remove the new one. */
export const openStackImageName = (names: string, contentHash: string): string =>
  `${names}-openstack:${contentHash.slice(0, 12)}`;

export interface OpenStackImageArgs {
  /** Prefix of the image's name. */
  names: string;
  /** Stack that the image is labelled with. */
  stack: string;
  /** Hash of what is in IMAGE_CONTEXT. */
  contentHash: string;
}

/** The one image of all services, built from images/openstack; rebuilt when a file there changes, and only then. */
export class OpenStackImage extends pulumi.ComponentResource {
  readonly imageId: pulumi.Output<string>;

  constructor(name: string, args: OpenStackImageArgs, options?: pulumi.ComponentResourceOptions) {
    super("overcloud:index:OpenStackImage", name, {}, options);
    const image = new docker.RemoteImage(
      name,
      {
        name: openStackImageName(args.names, args.contentHash),
        build: {
          context: IMAGE_CONTEXT,
          buildArgs: { BASE_IMAGE },
          // Package sources may be reachable from the host's network only.
          networkMode: "host",
          // The builder that set-up warms the cache of.
          useLegacyBuilder: true,
          labels: labelsOf(args.stack),
        },
        triggers: { content: args.contentHash },
      },
      { parent: this, customTimeouts: { create: "40m" } },
    );
    this.imageId = image.imageId;
    this.registerOutputs({ imageId: this.imageId });
  }
}
