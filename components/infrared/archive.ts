import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { create } from "tar";

export interface WorkspaceFiles {
  /** With WORKSPACE for the workspace's folder. */
  inventory: string;
  privateKey: string;
  publicKey: string;
  /** Whose the workspace is: nobody else's is ever touched. */
  owner: string;
}

/** File of a workspace that names its owner. */
export const OWNER = ".overcloud-stack";

/** Name of the inventory of nodes that are provisioned; `hosts` leads to the one that is used. */
export const PROVISIONED = "hosts-prov";

/** Name of the inventory that Infrared writes once the undercloud has its user. */
export const INSTALLED = "hosts-install";

/**
 * Writes what `infrared workspace import` reads, uses it and removes it: it holds the private key.
 * @param folder where there is room for it
 */
export async function withWorkspaceArchive(
  folder: string,
  files: WorkspaceFiles,
  use: (archive: string) => Promise<unknown>,
): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const work = await mkdtemp(path.join(folder, "import-"));
  try {
    const content = path.join(work, "content");
    await mkdir(content);
    await writeWorkspaceFiles(content, files);
    await symlink(PROVISIONED, path.join(content, "hosts"));
    // Infrared's list of links that it made itself: none.
    await writeFile(path.join(content, ".registry"), "");
    await writeFile(path.join(content, OWNER), files.owner);
    const archive = path.join(work, "workspace.tgz");
    const names = [PROVISIONED, "hosts", ".registry", "id_rsa", "id_rsa.pub", OWNER];
    await create({ file: archive, cwd: content, gzip: true, portable: true }, names);
    await use(archive);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** The files that a workspace has of us, replaced one by one, so that nobody ever reads half of one. */
export async function writeWorkspaceFiles(folder: string, files: WorkspaceFiles): Promise<void> {
  const write = async (name: string, content: string, mode: number) => {
    const target = path.join(folder, name);
    await writeFile(`${target}.new`, content, { mode });
    await rename(`${target}.new`, target);
  };
  await write(PROVISIONED, files.inventory, 0o600);
  await write("id_rsa", files.privateKey, 0o600);
  await write("id_rsa.pub", files.publicKey, 0o644);
}
