import { createHash } from "node:crypto";
import { createReadStream, createWriteStream, existsSync } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import pRetry, { AbortError } from "p-retry";
import { z } from "zod";
import type { Action, ActionContext } from "../step/action.ts";
import type { ImagesPlan } from "./images.ts";

export interface DownloadArgs {
  images: ImagesPlan;
  /** File that names what was downloaded, for whoever uploads it. */
  manifest: string;
}

const manifestSchema = z.array(
  z.object({ name: z.string(), path: z.string(), algorithm: z.string(), digest: z.string() }),
);

export type Manifest = z.output<typeof manifestSchema>;

export async function readManifest(file: string): Promise<Manifest> {
  return manifestSchema.parse(JSON.parse(await readFile(file, "utf8")));
}

const ATTEMPTS = 3;

/**
 * Downloads the overcloud's images into the cache, by their checksum: what is there and whole is not fetched again,
 * what is not what was published is never kept.
 */
export const downloadImages: Action<DownloadArgs> = async ({ images, manifest }, context) => {
  const folder = images.url ?? (await folderByHash(images, context));
  const cache = images.cache ?? path.join(homedir(), ".cache/overcloud/images");
  const done: Manifest = [];
  for (const name of images.names) {
    const [algorithm = "", digest = ""] = (
      images.checksums[name] ?? `md5:${await publishedMd5(folder, name, context)}`
    ).split(":");
    const target = path.join(cache, `${algorithm}-${digest}`, name);
    if (existsSync(target) && (await digestOf(target, algorithm)) === digest) {
      context.report(`${name} is in the cache`);
    } else {
      context.report(`downloading ${folder}/${name}`);
      await retried(
        () => download(`${folder}/${name}`, target, { algorithm, digest }, context),
        context,
      );
    }
    done.push({ name, path: target, algorithm, digest });
  }
  await mkdir(path.dirname(manifest), { recursive: true, mode: 0o700 });
  await writeFile(manifest, JSON.stringify(done));
  return done.map(({ name, algorithm, digest }) => `${name} ${algorithm}:${digest}`);
};

/** The folder of the images that were built from the same packages as the repository has. */
async function folderByHash({ byHash }: ImagesPlan, context: ActionContext): Promise<string> {
  if (!byHash) throw new Error("nobody says where the images are: set infrared.images.url");
  const repository = await getText(byHash.repository, context);
  const [, base] = /^baseurl\s*=\s*(\S+)/m.exec(repository) ?? [];
  if (base === undefined) throw new Error(`${byHash.repository} names no baseurl`);
  // Where packages come by component, the whole has a hash of its own, in a file beside.
  const hash = base.includes("/component/")
    ? (await getText(`${byHash.repository}.md5`, context)).trim()
    : (base.replace(/\/$/, "").split("/").at(-1) ?? "");
  if (!/^[0-9a-f]{32,}(_[0-9a-f]+)?$/.test(hash)) {
    throw new Error(`${byHash.repository} has no hash of packages: set infrared.images.url`);
  }
  return `${byHash.images}/${hash}`;
}

async function publishedMd5(folder: string, name: string, context: ActionContext): Promise<string> {
  const url = `${folder}/${name}.md5`;
  const text = await getText(url, context).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${reason}: set infrared.images.checksums for ${name}`, { cause: error });
  });
  const [digest] = /^[0-9a-f]{32}\b/.exec(text.trim()) ?? [];
  if (digest === undefined) throw new Error(`${url} has no checksum`);
  return digest;
}

async function getText(url: string, context: ActionContext): Promise<string> {
  return retried(async () => {
    const chunks: Buffer[] = [];
    for await (const chunk of await open(url, context.signal)) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString();
  }, context);
}

async function open(url: string, signal: AbortSignal): Promise<Readable> {
  if (url.startsWith("file:")) {
    const file = fileURLToPath(url);
    // Trying again does not make it appear.
    if (!existsSync(file)) throw new AbortError(`there is no file ${file}`);
    return createReadStream(file);
  }
  const response = await fetch(url, { signal });
  if (!response.ok || !response.body) {
    await response.body?.cancel();
    const error = new Error(`${url} answers ${response.status}`);
    throw response.status < 500 ? new AbortError(error) : error;
  }
  return Readable.fromWeb(response.body);
}

async function download(
  url: string,
  target: string,
  expected: { algorithm: string; digest: string },
  { signal }: ActionContext,
): Promise<void> {
  await mkdir(path.dirname(target), { recursive: true });
  const part = `${target}.part-${process.pid}`;
  const hash = createHash(expected.algorithm);
  const hashing = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  try {
    await pipeline(await open(url, signal), hashing, createWriteStream(part), { signal });
    const digest = hash.digest("hex");
    if (digest !== expected.digest) {
      throw new Error(
        `${url} has the ${expected.algorithm} ${digest}, published is ${expected.digest}`,
      );
    }
    await rename(part, target);
  } finally {
    await rm(part, { force: true });
  }
}

async function digestOf(file: string, algorithm: string): Promise<string> {
  const hash = createHash(algorithm);
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}

function retried<T>(work: () => Promise<T>, { report, signal }: ActionContext): Promise<T> {
  return pRetry(work, {
    retries: ATTEMPTS - 1,
    minTimeout: 1000,
    signal,
    // fetch() has errors of the network in `cause`.
    shouldRetry: () => !signal.aborted,
    onFailedAttempt: ({ error, retriesLeft }) => {
      if (retriesLeft > 0) report(`${error.message}; trying again`);
    },
  });
}
