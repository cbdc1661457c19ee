import { access, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ActionContext } from "../step/action.ts";
import type { Program } from "../step/program.ts";
import { hideSecrets } from "../step/secrets.ts";
import { PROJECT_DIRECTORY } from "../project.ts";
import { failureOf, readOutcome, type Outcome } from "./outcome.ts";

/** One run of ansible-playbook. */
export interface AnsibleRun {
  playbook: string;
  inventory: string;
  /** Values for --extra-vars: `@FILE`, or `KEY=VALUE`, which anybody on the machine can read. */
  extraVars?: readonly string[];
  /** What of the playbook is run, and what is not. Default: all, and nothing. */
  tags?: readonly string[];
  skipTags?: readonly string[];
  /** Pattern of the hosts that it is limited to. */
  limit?: string | undefined;
  /** Whether it is only tried. Default false. */
  check?: boolean;
  /** Further variables of its environment. */
  environment?: Readonly<Record<string, string>>;
}

/** ansible-playbook of set-up. */
export const PROGRAM = join(PROJECT_DIRECTORY, ".toolchain/ansible/bin/ansible-playbook");

const CONFIGURATION = join(PROJECT_DIRECTORY, "playbooks/ansible.cfg");

/** @param outcome file for what the callback plugin has to say at the end */
export function ansibleProgram(run: AnsibleRun, outcome: string): Program {
  // One word each, so that no value is taken for an option.
  const list = (option: string, values: readonly string[] = []) =>
    values.length > 0 ? [`${option}=${values.join(",")}`] : [];
  return {
    argv: [
      PROGRAM,
      ...["--inventory", run.inventory],
      ...(run.extraVars ?? []).flatMap((value) => ["--extra-vars", value]),
      ...list("--tags", run.tags),
      ...list("--skip-tags", run.skipTags),
      ...(run.limit === undefined ? [] : [`--limit=${run.limit}`]),
      ...(run.check ? ["--check"] : []),
      run.playbook,
    ],
    environment: {
      ANSIBLE_CONFIG: CONFIGURATION,
      ANSIBLE_STDOUT_CALLBACK: "default",
      OVERCLOUD_PLAY_OUTCOME: outcome,
      // Ansible refuses to start under a locale without UTF-8.
      LC_ALL: "C.UTF-8",
      ...run.environment,
    },
  };
}

/**
 * Runs ansible-playbook inside a step.
 * @throws Error saying which task failed on which host, or what ansible said last
 */
export async function runAnsible(
  run: AnsibleRun,
  context: ActionContext,
  options: Pick<Program, "observe" | "secrets" | "signal"> = {},
): Promise<Outcome> {
  await requireFile(PROGRAM, "run `npm run setup`");
  await requireFile(run.inventory, "the step that writes it comes first");
  return withOutcome(async (file) => {
    const { argv, environment } = ansibleProgram(run, file);
    // For the log, not for a terminal.
    const plain = { ...environment, ANSIBLE_NOCOLOR: "1", ANSIBLE_FORCE_COLOR: undefined };
    const failure = await context.run({ argv, environment: plain, ...options }).then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
    );
    const outcome = await readOutcome(file);
    if (failure === undefined && outcome) return outcome;
    const said = failureOf(outcome);
    if (said === undefined) throw failure ?? new Error("ansible-playbook ended without a summary");
    throw new Error(hideSecrets(said, options.secrets ?? []), { cause: failure });
  });
}

/** Gives the name of a file that a run's outcome goes to, in a folder that nobody else reads and that is gone afterwards. */
export async function withOutcome<T>(
  work: (file: string, folder: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "overcloud-play-"));
  try {
    return await work(join(folder, "outcome.json"), folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** @throws Error with the advice, if there is no such file */
export async function requireFile(path: string, advice: string): Promise<void> {
  await access(path).catch((error: unknown) => {
    throw new Error(`${path} is not there; ${advice}`, { cause: error });
  });
}
