import { createHash } from "node:crypto";
import { rename, rm, writeFile } from "node:fs/promises";

/** Thrown when something was downloaded that is not what was published. Never worked around. */
export class ChecksumError extends Error {}

/** Whether anything answers at a URL within the time; any HTTP status is an answer. */
export async function isReachable(url: string, seconds = 5): Promise<boolean> {
  try {
    const response = await fetch(url, {
      method: "HEAD",
      signal: AbortSignal.timeout(seconds * 1000),
    });
    await response.body?.cancel();
    return response.status < 500;
  } catch {
    return false;
  }
}

/** The sha256 that a published list (`<hex>  <file>` per line) names for a file. */
export function publishedChecksum(list: string, file: string): string | undefined {
  for (const line of list.split("\n")) {
    const [sum, name] = line.trim().split(/\s+\*?/);
    if (name === file && sum !== undefined && /^[0-9a-f]{64}$/i.test(sum)) return sum.toLowerCase();
  }
  return undefined;
}

/** Downloads a file and keeps it only if it has the checksum that `checksums` (a URL) names for it. */
export async function downloadVerified(
  url: string,
  checksums: string,
  target: string,
  limitSeconds = 600,
): Promise<void> {
  const name = url.slice(url.lastIndexOf("/") + 1);
  const list = await (await get(checksums, 30)).text();
  const expected = publishedChecksum(list, name);
  if (expected === undefined) throw new Error(`${checksums} names no checksum for ${name}`);
  const content = Buffer.from(await (await get(url, limitSeconds)).arrayBuffer());
  const actual = createHash("sha256").update(content).digest("hex");
  if (actual !== expected) {
    throw new ChecksumError(`${name} has the sha256 ${actual}, published is ${expected}`);
  }
  const temporary = `${target}.tmp-${process.pid}`;
  try {
    await writeFile(temporary, content);
    await rename(temporary, target);
  } finally {
    await rm(temporary, { force: true });
  }
}

async function get(url: string, limitSeconds: number): Promise<Response> {
  const response = await fetch(url, { signal: AbortSignal.timeout(limitSeconds * 1000) });
  if (!response.ok) throw new Error(`${url} answers ${response.status}`);
  return response;
}
