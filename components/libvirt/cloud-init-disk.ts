import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { z } from "zod";
import type { Action } from "../step/action.ts";

const cloudInitSchema = z.object({
  userData: z.string(),
  metaData: z.string(),
  networkConfig: z.string(),
});

/**
 * Writes a node's cloud-init data, which comes on standard input, as the image of a CD-ROM. The provider has a resource
 * for that, but reads the whole image back at every refresh, by a stream that hangs for ever now and then.
 */
export const writeCloudInitDisk: Action<{ file: string }> = async (
  { file },
  { readInput, signal },
) => {
  const cloudInit = cloudInitSchema.parse(JSON.parse(await readInput()));
  const folder = await mkdtemp(join(tmpdir(), "overcloud-cloud-init-"));
  try {
    await writeFile(join(folder, "user-data"), cloudInit.userData);
    await writeFile(join(folder, "meta-data"), cloudInit.metaData);
    await writeFile(join(folder, "network-config"), cloudInit.networkConfig);
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    const options = ["-quiet", "-volid", "cidata", "-joliet", "-rock", "-output", `${file}.new`];
    await execa("mkisofs", [...options, folder], { stdin: "ignore", cancelSignal: signal });
    await rename(`${file}.new`, file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

export const removeCloudInitDisk: Action<{ file: string }> = async ({ file }) => {
  await rm(file, { force: true });
};
