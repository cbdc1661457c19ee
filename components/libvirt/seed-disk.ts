import { chmod, mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { z } from "zod";
import type { Action } from "../step/action.ts";

export interface SeedDiskArgs {
  /** Path of the image. */
  file: string;
  /** Volume label, by which a node finds it. */
  label: string;
}

const documentsSchema = z.record(z.string().regex(/^[\w.-]+$/), z.string());

/**
 * Writes what a node is to know as the image of a CD-ROM, mode 0600, from a JSON object of contents by file name on
 * standard input. The provider has a resource for that, but reads the whole image back at every refresh, by a stream
 * that hangs for ever now and then.
 */
export const writeSeedDisk: Action<SeedDiskArgs> = async (
  { file, label },
  { readInput, signal },
) => {
  const documents = documentsSchema.parse(JSON.parse(await readInput()));
  const folder = await mkdtemp(join(tmpdir(), "overcloud-seed-"));
  try {
    for (const [name, content] of Object.entries(documents)) {
      await writeFile(join(folder, name), content, { mode: 0o600 });
    }
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    // Made with its mode, so that nobody reads it meanwhile.
    await writeFile(`${file}.new`, "", { mode: 0o600 });
    await chmod(`${file}.new`, 0o600);
    const options = ["-quiet", "-volid", label, "-joliet", "-rock", "-output", `${file}.new`];
    await execa("mkisofs", [...options, folder], { stdin: "ignore", cancelSignal: signal });
    await rename(`${file}.new`, file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

export const removeSeedDisk: Action<Pick<SeedDiskArgs, "file">> = async ({ file }) => {
  await rm(file, { force: true });
};
