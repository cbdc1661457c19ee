import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import type { Action } from "../step/action.ts";

export interface FilesArgs {
  directory: string;
  names: string[];
}

const contentSchema = z.record(z.string(), z.string());

/** Writes files for the stack's user, from a JSON object of contents by name on standard input. Mode 0600. */
export const writeFiles: Action<FilesArgs> = async ({ directory, names }, { readInput }) => {
  const contents = contentSchema.parse(JSON.parse(await readInput()));
  for (const name of names) {
    const content = contents[name];
    if (content === undefined) throw new Error(`no content was given for ${name}`);
    await writePrivately(join(directory, name), content);
  }
  return names;
};

/** Writes a file of mode 0600, beside and renamed: nobody ever reads half of it. */
export async function writePrivately(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFile(`${path}.new`, content, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

/** Removes them and nothing else. */
export const forgetFiles: Action<FilesArgs> = async ({ directory, names }) => {
  for (const name of names) await rm(join(directory, name), { force: true });
};

/** Removes them, and the stack's whole folder of outputs and logs with them. */
export const removeFiles: Action<FilesArgs> = async ({ directory }) => {
  await rm(directory, { recursive: true, force: true });
};
