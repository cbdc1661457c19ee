import { access, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import type { Action, ActionContext } from "../step/action.ts";
import { PROJECT_DIRECTORY } from "../step/step.ts";

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

/** ansible-playbook of set-up. */
const PROGRAM = join(PROJECT_DIRECTORY, ".toolchain/ansible/bin/ansible-playbook");

const CONFIGURATION = join(PROJECT_DIRECTORY, "playbooks/ansible.cfg");

/** What playbooks/callback_plugins/outcome.py writes. */
const outcomeSchema = z.object({
  hosts: z.record(z.string(), z.record(z.string(), z.number())),
  /** Plays that no host of the inventory matched. */
  unmatched: z.array(z.string()),
  failures: z.array(z.object({ host: z.string(), task: z.string(), message: z.string() })),
});
export type Outcome = z.output<typeof outcomeSchema>;

/**
 * Runs a playbook. What ansible only warns of counts as failed: an inventory that is missing, a play that no host matches.
 * @returns per host, how many tasks were ok, changed, failed, ...
 */
export const play: Action<PlayArgs> = async (args, context) => {
  await requireFile(PROGRAM, "run `npm run setup`");
  await requireFile(args.inventory, "the step that writes it comes first");
  await requireFile(args.variables, "the step that writes it comes first");
  await requireFile(args.playbook, "it comes with the project");
  const folder = await mkdtemp(join(tmpdir(), "overcloud-play-"));
  try {
    const file = join(folder, "outcome.json");
    const failure = await run(args, file, context);
    const outcome = await readOutcome(file);
    if (failure || !outcome) throw explain(failure, outcome);
    return judge(outcome, args);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

async function run(args: PlayArgs, outcome: string, context: ActionContext) {
  try {
    await context.run({
      argv: [
        PROGRAM,
        ...["--inventory", args.inventory],
        ...["--extra-vars", `@${args.variables}`],
        ...["--tags", args.tags.join(",")],
        ...(args.check ? ["--check"] : []),
        args.playbook,
      ],
      environment: {
        ANSIBLE_CONFIG: CONFIGURATION,
        ANSIBLE_STDOUT_CALLBACK: "default",
        ANSIBLE_NOCOLOR: "1",
        ANSIBLE_FORCE_COLOR: undefined,
        OVERCLOUD_PLAY_OUTCOME: outcome,
        // Ansible refuses to start under a locale without UTF-8.
        LC_ALL: "C.UTF-8",
      },
    });
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

async function requireFile(path: string, advice: string): Promise<void> {
  await access(path).catch((error: unknown) => {
    throw new Error(`${path} is not there; ${advice}`, { cause: error });
  });
}

/** Nothing if ansible ended before its summary. */
async function readOutcome(file: string): Promise<Outcome | undefined> {
  const text = await readFile(file, "utf8").catch(() => undefined);
  return text === undefined ? undefined : outcomeSchema.parse(JSON.parse(text));
}

/** Says what failed where there is something to say, else what ansible said last. */
function explain(failure: Error | undefined, outcome: Outcome | undefined): Error {
  const last = outcome?.failures.at(-1);
  if (!last) return failure ?? new Error("ansible-playbook ended without a summary");
  const { host, task, message } = last;
  return new Error(`"${task}" failed on ${host}: ${message}`, { cause: failure });
}

/** @throws Error if a play had nobody to run on */
export function judge({ hosts, unmatched }: Outcome, { inventory }: PlayArgs): Outcome["hosts"] {
  if (unmatched.length > 0 || Object.keys(hosts).length === 0) {
    const what = unmatched.length > 0 ? unmatched.join(", ") : "any play";
    throw new Error(`no host of ${inventory} matched: ${what}`);
  }
  return hosts;
}
