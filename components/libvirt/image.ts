import { createHash } from "node:crypto";
import { join } from "node:path";
import type { LibvirtSettings } from "../../config/libvirt.ts";
import { checkFile, download } from "../download/download.ts";
import type { Action } from "../step/action.ts";

export interface ImageArgs {
  /** Path, or https URL. */
  source: string;
  sha256: string;
  /** Where an image from a URL is kept; a path is used where it is. */
  target: string;
}

/** A short text that stands for the file of a path or URL in names. */
export function idOf(source: string): string {
  return createHash("sha256").update(source).digest("hex").slice(0, 12);
}

/**
 * Where the nodes' image is read from, and a short text that tells it from other images. A file that changes under the
 * same path is the same image unless its checksum is set: nodes are never made anew by accident.
 */
export function imagePlan(
  { source = "", sha256 }: LibvirtSettings["image"],
  cacheDirectory: string,
): { file: string; id: string } {
  const remote = source.startsWith("https://") && sha256 !== undefined;
  return {
    file: remote ? join(cacheDirectory, sha256) : source,
    id: sha256?.slice(0, 12) ?? idOf(source),
  };
}

/**
 * Brings an image here and makes sure that it is the one that was meant. One that was fetched before is not fetched again.
 * @throws Error if the image can't be had or has another checksum; nothing is kept of it then
 */
export const fetchImage: Action<ImageArgs> = async ({ source, sha256, target }, context) => {
  const checksum = { algorithm: "sha256", digest: sha256, source: "libvirt.image.sha256" };
  if (!source.startsWith("https://")) {
    await checkFile(source, checksum, context.signal);
    return source;
  }
  await download(source, target, checksum, context);
  return target;
};
