import { requireFile, runAnsible } from "../ansible/ansible.ts";
import type { Outcome } from "../ansible/outcome.ts";
import type { Action } from "../step/action.ts";

export interface PlayArgs {
  playbook: string;
  inventory: string;
  /** JSON file of variables. */
  variables: string;
  /** What of the playbook is run. */
  tags: string[];
  /** Whether it is only tried. Default false. */
  check?: boolean;
}

/**
 * Runs a playbook of the project's own. What ansible only warns of counts as failed: an inventory that is missing, a play
 * that no host matches.
 * @returns per host, how many tasks were ok, changed, failed, ...
 */
export const play: Action<PlayArgs> = async ({ variables, ...args }, context) => {
  await requireFile(variables, "the step that writes it comes first");
  await requireFile(args.playbook, "it comes with the project");
  return judge(await runAnsible({ ...args, extraVars: [`@${variables}`] }, context), args);
};

/** @throws Error if a play had nobody to run on */
export function judge(
  { hosts, unmatched }: Outcome,
  { inventory }: Pick<PlayArgs, "inventory">,
): Outcome["hosts"] {
  if (unmatched.length > 0 || Object.keys(hosts).length === 0) {
    const plays = unmatched.map(({ play }) => play);
    const what = plays.length > 0 ? plays.join(", ") : "any play";
    throw new Error(`no host of ${inventory} matched: ${what}`);
  }
  return hosts;
}
