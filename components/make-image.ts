import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import type { Settings } from "../config/schema.ts";
import { expectBase } from "./image/base-image.ts";
import { localCertificates } from "./image/certificates.ts";
import { ComputeImage, computeImageHash, computeImageName } from "./image/compute-image.ts";
import { contentHash } from "./image/content-hash.ts";
import { IMAGE_CONTEXT, OpenStackImage, openStackImageName } from "./image/openstack-image.ts";
import { computeReleaseOf } from "./overcloud/release.ts";

export interface ImageArgs {
  settings: Settings;
  /** Stack that the image is labelled with. */
  stack: string;
}

/**
 * The image that the settings ask for: the project's own, or, where computes join a cloud of an older release, one that
 * is named or made for it. Its id is empty where no container is to be made from it.
 */
export async function makeImage(name: string, args: ImageArgs): Promise<pulumi.Output<string>> {
  const { settings, stack } = args;
  const { names, overcloud } = settings;
  if (settings.controlPlane === "standalone") {
    const hash = await contentHash(IMAGE_CONTEXT);
    return new OpenStackImage(name, { names, stack, contentHash: hash }).imageId;
  }
  if (settings.computes === 0) return pulumi.output("");
  if (overcloud.computeImage !== undefined) {
    const named = { name: overcloud.computeImage, keepLocally: true };
    return new docker.RemoteImage(name, named).imageId;
  }
  const release = computeReleaseOf(overcloud.release);
  if (release === undefined) throw new Error(`no image of ${overcloud.release} is made`);
  const image = new ComputeImage(name, {
    ...{ names, stack, release },
    contentHash: await computeImageHash(),
    certificates: await localCertificates(),
  });
  return image.imageId;
}

/**
 * Makes sure that what makeImage is to build is there or can be built.
 * @param images names with tags of the images that docker has
 * @throws pulumi.RunError, one sentence, when docker has nothing to build it from
 */
export async function expectImage(settings: Settings, images: readonly string[]): Promise<void> {
  const { names, overcloud } = settings;
  if (settings.controlPlane === "standalone") {
    expectBase(openStackImageName(names, await contentHash(IMAGE_CONTEXT)), images);
    return;
  }
  const release = computeReleaseOf(overcloud.release);
  if (settings.computes === 0 || overcloud.computeImage !== undefined || !release) return;
  expectBase(computeImageName({ names, release, contentHash: await computeImageHash() }), images);
}
