import { RunError } from "@pulumi/pulumi";

/** Tag of the base image that set-up provides, from a registry or from distribution packages. */
export const BASE_IMAGE = "overcloud-base:trixie";

/**
 * Makes sure that an image is there or can be built from the base image; a build would look for that in a registry, which
 * has nothing of the name.
 * @param images names with tags of what docker has
 * @throws pulumi.RunError, one sentence, when it has neither
 */
export function expectBase(image: string, images: readonly string[]): void {
  if (images.includes(image) || images.includes(BASE_IMAGE)) return;
  throw new RunError(
    `docker has neither the image ${image} nor ${BASE_IMAGE}, which that is built from; run \`npm run setup\`.`,
  );
}
