import path from "node:path";
import type { Action, ActionContext } from "../step/action.ts";
import { readManifest, type Manifest } from "./download.ts";

export interface UploadArgs {
  manifest: string;
  /** Configuration of ssh that knows the host. */
  sshConfig: string;
  host: string;
  /** Folder on the host. */
  target: string;
}

/** Copies downloaded images to the undercloud; those that are there and whole stay. */
export const uploadImages: Action<UploadArgs> = async (args, context) => {
  const { sshConfig, host, target } = args;
  const ssh = (...argv: string[]) => context.run({ argv: ["ssh", "-F", sshConfig, host, ...argv] });
  await ssh("mkdir", "-p", target);
  const images = await readManifest(args.manifest);
  for (const image of images) {
    const remote = `${target}/${image.name}`;
    if (await isThere(image, remote, ssh)) {
      context.report(`${image.name} is on ${host}`);
      continue;
    }
    context.report(`copying ${image.name} to ${host}`);
    // Under another name at first, so that half a copy is never taken for an image.
    await copy(image.path, `${host}:${remote}.new`, sshConfig, context);
    await ssh("chmod", "644", `${remote}.new`);
    await ssh("mv", `${remote}.new`, remote);
    if (!(await isThere(image, remote, ssh))) {
      throw new Error(`${remote} on ${host} is not what was sent: is its disk full?`);
    }
  }
  return images.map(({ name }) => path.posix.join(target, name));
};

async function isThere(
  { algorithm, digest }: Manifest[number],
  remote: string,
  ssh: (...argv: string[]) => Promise<string>,
): Promise<boolean> {
  // Fails where there is no such file, and where nobody answers: then the copy says so.
  const answer = await ssh(`${algorithm}sum`, remote).catch(() => "");
  return answer.trim().split(/\s+/)[0] === digest;
}

async function copy(from: string, to: string, config: string, { run }: ActionContext) {
  await run({ argv: ["scp", "-q", "-F", config, from, to] });
}
