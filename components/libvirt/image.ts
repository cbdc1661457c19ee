import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { LibvirtSettings } from "../../config/libvirt.ts";
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
export const fetchImage: Action<ImageArgs> = async (
  { source, sha256, target },
  { report, signal },
) => {
  if (!source.startsWith("https://")) {
    await check(source, sha256, signal);
    return source;
  }
  if (await stat(target).catch(() => undefined)) {
    await check(target, sha256, signal);
    return target;
  }
  report(`fetching ${source}`);
  await mkdir(dirname(target), { recursive: true });
  const part = `${target}.part-${process.pid}`;
  try {
    const response = await fetch(source, { signal });
    if (!response.ok || !response.body) throw new Error(`${source} answers ${response.status}`);
    await pipeline(Readable.fromWeb(response.body), createWriteStream(part), { signal });
    await check(part, sha256, signal, source);
    await rename(part, target);
  } finally {
    await rm(part, { force: true });
  }
  return target;
};

async function check(file: string, expected: string, signal: AbortSignal, name = file) {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash, { signal });
  const actual = hash.digest("hex");
  if (actual !== expected) {
    throw new Error(`${name} has the sha256 ${actual}, libvirt.image.sha256 is ${expected}`);
  }
}
