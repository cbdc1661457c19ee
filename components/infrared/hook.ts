import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Action } from "../step/action.ts";

export interface HookArgs {
  /** The program `ansible-playbook`. */
  ansiblePlaybook: string;
  inventory: string;
  playbook: string;
  extraVars: Record<string, unknown>;
}

/**
 * Runs a playbook against the nodes. Where its inventory is missing or none of its hosts is in there, ansible warns and
 * ends well; here that is a failure.
 */
export const runHook: Action<HookArgs> = async (args, context) => {
  const { ansiblePlaybook, inventory, playbook, extraVars } = args;
  if (!existsSync(inventory)) throw new Error(`there is no inventory ${inventory}`);
  if (!existsSync(playbook)) {
    throw new Error(`there is no playbook ${playbook}: set infrared.preUndercloud.playbook`);
  }
  const environment = { ANSIBLE_NOCOLOR: "true", ANSIBLE_FORCE_COLOR: "false" };
  const run = (...argv: string[]) =>
    context.run({
      argv: [ansiblePlaybook, "--inventory", inventory, ...argv, playbook],
      environment,
      cwd: path.dirname(playbook),
    });
  const hosts = matchedHosts(await run("--list-hosts"));
  if (hosts === 0) throw new Error(`no host of ${inventory} matches ${playbook}`);
  // Not on the command line, where every user of the machine could read them.
  const folder = await mkdtemp(path.join(tmpdir(), "overcloud-hook-"));
  try {
    const vars = path.join(folder, "vars.json");
    await writeFile(vars, JSON.stringify(extraVars), { mode: 0o600 });
    await run("--extra-vars", `@${vars}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return { hosts };
};

/** Sum of the hosts that the plays of `ansible-playbook --list-hosts` match. */
export function matchedHosts(listing: string): number {
  const counts = [...listing.matchAll(/^\s+hosts \((\d+)\):$/gm)].map(([, count]) => Number(count));
  return counts.reduce((sum, count) => sum + count, 0);
}
