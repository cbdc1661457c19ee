import { existsSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import type { Action } from "../step/action.ts";
import {
  OWNER,
  withWorkspaceArchive,
  writeWorkspaceFiles,
  type WorkspaceFiles,
} from "./archive.ts";
import { infraredPaths, infraredRunner, type RunInfrared } from "./environment.ts";
import { readInstalled } from "./install.ts";
import { WORKSPACE } from "./inventory.ts";

export interface WorkspaceArgs {
  home: string;
  workspace: string;
  /** The stack. */
  owner: string;
}

export interface PrepareArgs extends WorkspaceArgs {
  /** Plugins to add, each by its folder in the checkout or its git URL. */
  plugins: string[];
  /** With WORKSPACE for the workspace's folder. */
  inventory: string;
  /** Private key; the public half is beside it, `.pub`. */
  keyFile: string;
}

/** Adds the plugins, and makes the workspace ours with our inventory and key, or brings them up to date there. */
export const prepareWorkspace: Action<PrepareArgs> = async (args, context) => {
  const { home, workspace, inventory, keyFile, owner } = args;
  const installed = await readInstalled(home);
  if (!installed) throw new Error(`Infrared is not installed in ${home}: run install_infrared`);
  const infrared = infraredRunner(home, context);
  await addPlugins(args, infrared, installed.digest);

  const files: WorkspaceFiles = {
    inventory,
    privateKey: await readFile(keyFile, "utf8"),
    publicKey: await readFile(`${keyFile}.pub`, "utf8"),
    owner,
  };
  const listed = listedIn(await infrared("workspace", "list"));
  const folder = infraredPaths(home).workspaceOf(workspace);
  if (listed.has(workspace)) {
    await refuseForeign(args);
    const here = inventory.replaceAll(WORKSPACE, folder);
    await writeWorkspaceFiles(folder, { ...files, inventory: here });
    if (!listed.get(workspace)) await infrared("workspace", "checkout", workspace);
  } else {
    // Makes it the active one, too.
    await withWorkspaceArchive(home, files, (archive) =>
      infrared("workspace", "import", "--name", workspace, archive),
    );
  }
  const nodes = await infrared("workspace", "node-list", "--name", workspace, "--format", "json");
  return { nodes: nodeNames(nodes) };
};

/** Plugins one by one: `plugin add all` needs repositories that are nobody's business here. */
async function addPlugins(
  { home, plugins }: PrepareArgs,
  infrared: RunInfrared,
  digest: string,
): Promise<void> {
  const { pluginList } = infraredPaths(home);
  // Infrared copies plugins: those of an earlier installation are replaced.
  const stamp = path.join(home, "plugins.json");
  const current = existsSync(stamp) && (await readFile(stamp, "utf8")) === digest;
  for (const plugin of plugins) {
    const name = path.basename(plugin, ".git");
    // Nothing but `plugin add` may be the first command.
    const there = existsSync(pluginList) && listedIn(await infrared("plugin", "list")).has(name);
    if (there && current) continue;
    if (there) await infrared("plugin", "remove", name);
    await infrared("plugin", "add", plugin);
  }
  await writeFile(stamp, digest);
}

/** Names in a table that Infrared prints, and whether they have a star. Names of plugins are in the second column. */
export function listedIn(table: string): Map<string, boolean> {
  const rows = table.split("\n").filter((line) => line.startsWith("|"));
  const cells = rows.map((row) =>
    row
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
  const [header = [], ...entries] = cells;
  const column = header.indexOf("Name");
  return new Map(entries.map((entry) => [entry[column] ?? "", entry.includes("*")]));
}

const nodeListSchema = z.object({ nodes: z.array(z.object({ name: z.string() })) });

/** Infrared may print warnings before the list. */
function nodeNames(output: string): string[] {
  const json = output.split("\n").find((line) => line.startsWith("{"));
  const { nodes } = nodeListSchema.parse(JSON.parse(json ?? "{}"));
  return nodes.map(({ name }) => name);
}

async function ownerOf({ home, workspace }: WorkspaceArgs): Promise<string | undefined> {
  const file = path.join(infraredPaths(home).workspaceOf(workspace), OWNER);
  return existsSync(file) ? await readFile(file, "utf8") : undefined;
}

async function refuseForeign(args: WorkspaceArgs): Promise<void> {
  if ((await ownerOf(args)) === args.owner) return;
  throw new Error(
    `the workspace ${args.workspace} in ${args.home} is not this stack's: set infrared.workspace to another name`,
  );
}

/** Removes the workspace if it is ours. */
export const removeWorkspace: Action<WorkspaceArgs> = async (args, context) => {
  const { home, workspace, owner } = args;
  const folder = infraredPaths(home).workspaceOf(workspace);
  if ((await ownerOf(args)) !== owner) {
    if (existsSync(folder)) context.report(`the workspace ${workspace} stays: it is not ours`);
    return;
  }
  if (await readInstalled(home)) {
    await infraredRunner(home, context)("workspace", "delete", workspace);
  } else {
    await rm(folder, { recursive: true, force: true });
  }
};
