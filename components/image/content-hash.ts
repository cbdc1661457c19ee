import { createHash } from "node:crypto";
import { readFile, readdir, readlink, stat } from "node:fs/promises";
import path from "node:path";

/**
 * A hash of what a folder holds: relative paths, executable bits, contents and symbolic links, in a
 * fixed order. Times, owners and the folder's own place do not count, so that a fresh clone has the
 * same hash. Names in `ignore` (at any depth) are left out.
 */
export async function contentHash(folder: string, ignore: readonly string[] = []): Promise<string> {
  const hash = createHash("sha256");
  const skip = new Set(["__pycache__", ...ignore]);
  for (const name of await listFiles(folder, "", skip)) {
    const file = path.join(folder, name);
    hash.update(await fingerprint(name, file));
  }
  return hash.digest("hex");
}

/** Relative paths of everything but folders, sorted by code point (not by locale). */
async function listFiles(
  folder: string,
  below: string,
  skip: ReadonlySet<string>,
): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(path.join(folder, below), { withFileTypes: true })) {
    if (skip.has(entry.name)) continue;
    const name = below === "" ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory()) found.push(...(await listFiles(folder, name, skip)));
    else found.push(name);
  }
  return below === "" ? found.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)) : found;
}

/** A line per file; the content enters by its own hash, so that no two folders can read alike. */
async function fingerprint(name: string, file: string): Promise<string> {
  const target = await readlink(file).catch(() => undefined);
  if (target !== undefined) return JSON.stringify([name, "link", target]) + "\n";
  const executable = ((await stat(file)).mode & 0o111) !== 0;
  const content = createHash("sha256")
    .update(await readFile(file))
    .digest("hex");
  return JSON.stringify([name, executable ? "executable" : "file", content]) + "\n";
}
