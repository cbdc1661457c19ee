import { createHash } from "node:crypto";
import { createReadStream, createWriteStream, existsSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import pRetry, { AbortError } from "p-retry";
import type { ActionContext } from "../step/action.ts";

/** What a file must be. */
export interface Checksum {
  /** As node:crypto knows it: sha256, md5, ... */
  algorithm: string;
  /** In hex, lower case. */
  digest: string;
  /** Whose word that is, for messages: "published", or a key of the settings. */
  source: string;
}

type Context = Pick<ActionContext, "report" | "signal">;

const ATTEMPTS = 3;

/**
 * Brings a file here unless it is here and whole. It is hashed on the way and renamed at the end: what is not what was
 * meant is never kept, and nobody ever reads half of it.
 * @param url https, http or file
 * @returns whether it had to be fetched
 * @throws Error if it can't be had in three attempts, or has another checksum
 */
export async function download(
  url: string,
  target: string,
  checksum: Checksum,
  context: Context,
): Promise<boolean> {
  const { algorithm, digest } = checksum;
  if (existsSync(target) && (await digestOf(target, algorithm, context.signal)) === digest) {
    return false;
  }
  context.report(`fetching ${url}`);
  await mkdir(dirname(target), { recursive: true });
  await retried(() => fetchOnce(url, target, checksum, context.signal), context);
  return true;
}

/** @throws Error if a file is not what it must be */
export async function checkFile(
  file: string,
  checksum: Checksum,
  signal: AbortSignal,
): Promise<void> {
  requireDigest(file, await digestOf(file, checksum.algorithm, signal), checksum);
}

/** A short document, whole. */
export function downloadText(url: string, context: Context): Promise<string> {
  return retried(async () => {
    const chunks: Buffer[] = [];
    for await (const chunk of await open(url, context.signal)) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString();
  }, context);
}

async function fetchOnce(
  url: string,
  target: string,
  checksum: Checksum,
  signal: AbortSignal,
): Promise<void> {
  const part = `${target}.part-${process.pid}`;
  const hash = createHash(checksum.algorithm);
  const hashing = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  try {
    await pipeline(await open(url, signal), hashing, createWriteStream(part), { signal });
    requireDigest(url, hash.digest("hex"), checksum);
    await rename(part, target);
  } finally {
    await rm(part, { force: true });
  }
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

async function digestOf(file: string, algorithm: string, signal: AbortSignal): Promise<string> {
  const hash = createHash(algorithm);
  await pipeline(createReadStream(file), hash, { signal });
  return hash.digest("hex");
}

function requireDigest(name: string, actual: string, { algorithm, digest, source }: Checksum) {
  if (actual === digest) return;
  throw new Error(`${name} has the ${algorithm} ${actual}, ${source} is ${digest}`);
}

function retried<T>(work: () => Promise<T>, { report, signal }: Context): Promise<T> {
  return pRetry(work, {
    retries: ATTEMPTS - 1,
    minTimeout: 1000,
    signal,
    shouldRetry: () => !signal.aborted,
    onFailedAttempt: ({ error, retriesLeft }) => {
      if (retriesLeft > 0) report(`${error.message}; trying again`);
    },
  });
}
