import { readFile } from "node:fs/promises";
import { z } from "zod";
import { requireFile, runAnsible, withOutcome } from "../ansible/ansible.ts";
import type { Outcome } from "../ansible/outcome.ts";
import { namesIn, unknownNames } from "../ansible/patterns.ts";
import { writePrivately } from "../access/files.ts";
import { OpenStackClient } from "../openstack/client.ts";
import { UnreachableError } from "../openstack/request.ts";
import type { CloudReference } from "../openstack/session.ts";
import type { Action, ActionContext } from "../step/action.ts";
import { Progress } from "./progress.ts";

/** What is run, and how: a file of the stack's output folder or a step's input holds it, because it may have secrets. */
const runSchema = z.strictObject({
  name: z.string(),
  playbook: z.string(),
  tags: z.array(z.string()),
  skipTags: z.array(z.string()),
  extraVars: z.record(z.string(), z.unknown()),
  /** Whether what the variables hold is to be kept out of logs. */
  secret: z.boolean(),
  /** Where a playbook that measures leaves what it measured, unless its variables say where. */
  resultFile: z.string(),
  limit: z.string().optional(),
  timeoutMinutes: z.number(),
});
export type PlaybookRun = z.output<typeof runSchema>;

export interface RunPlaybookArgs {
  /** File with a PlaybookRun. Without it, that comes on standard input. */
  file?: string;
  inventory: string;
  cloud: CloudReference;
}

/**
 * Runs a playbook of the user's against the cloud.
 * @returns per host, how many tasks were ok, changed, failed, ...
 * @throws Error, one sentence that names the task and the host, or what is wrong with the request
 */
export const runPlaybook: Action<RunPlaybookArgs> = async ({ file, inventory, cloud }, context) => {
  if (file !== undefined) await requireFile(file, "the step that writes it comes first");
  await requireFile(inventory, "the step that writes it comes first");
  const text = file === undefined ? await context.readInput() : await readFile(file, "utf8");
  const run = runSchema.parse(JSON.parse(text));
  await requireFile(run.playbook, "playbooks in the stack's configuration names it");
  const names = namesIn(await readFile(inventory, "utf8"));
  checkLimit(run.limit, names, inventory);
  const limit = AbortSignal.timeout(run.timeoutMinutes * 60_000);
  try {
    const outcome = await play(run, { inventory, cloud, limit }, context);
    return judge(outcome, run, names);
  } catch (error) {
    if (limit.aborted) {
      const advice = "set its timeoutMinutes if it takes longer";
      throw new Error(`not done after ${run.timeoutMinutes} minutes; ${advice}`, { cause: error });
    }
    throw await explained(error, cloud, context.signal);
  }
};

async function play(
  { playbook, tags, skipTags, extraVars, secret, resultFile, limit: hosts }: PlaybookRun,
  { inventory, cloud, limit }: { inventory: string; cloud: CloudReference; limit: AbortSignal },
  context: ActionContext,
): Promise<Outcome> {
  return withOutcome(async (_, folder) => {
    // Never on the command line: everybody on the machine can read that.
    const variables = `${folder}/variables.json`;
    await writePrivately(
      variables,
      JSON.stringify({ overcloud_result_file: resultFile, ...extraVars }),
    );
    const progress = new Progress(context.report);
    return runAnsible(
      {
        playbook,
        inventory,
        tags,
        skipTags,
        limit: hosts,
        extraVars: [`@${variables}`],
        environment: cloudEnvironment(cloud),
      },
      context,
      {
        observe: (line) => progress.line(line),
        secrets: secret ? textsIn(extraVars) : [],
        signal: limit,
      },
    );
  });
}

/** By which modules on this machine find the cloud when a task does not name one. */
export function cloudEnvironment({ cloudsYaml, cloud }: CloudReference): Record<string, string> {
  return { OS_CLIENT_CONFIG_FILE: cloudsYaml, OS_CLOUD: cloud };
}

/** @throws Error naming hosts that the inventory lacks */
export function checkLimit(
  limit: string | undefined,
  names: ReadonlySet<string>,
  inventory: string,
): void {
  const unknown = unknownNames(limit ?? "", names);
  if (unknown.length === 0) return;
  throw new Error(
    `there is no host or group ${unknown.join(", ")} in ${inventory}, which the limit names`,
  );
}

/**
 * A play that nobody is there for is no failure: the other control plane may have them. One that names a group that no
 * inventory has is, and so is a run in which nothing ran.
 */
export function judge(
  { hosts, unmatched }: Outcome,
  { playbook, tags, limit }: Pick<PlaybookRun, "playbook" | "tags" | "limit">,
  names: ReadonlySet<string>,
): Outcome["hosts"] {
  const wrong = unmatched.flatMap((each) => {
    const unknown = each.hosts.flatMap((pattern) => unknownNames(pattern, names));
    return unknown.length > 0 ? [`"${each.play}" names ${unknown.join(", ")}`] : [];
  });
  if (wrong.length > 0) {
    throw new Error(`there is no such host or group: ${wrong.join("; ")} (in ${playbook})`);
  }
  if (Object.keys(hosts).length === 0) {
    const reasons = [
      ...(tags.length > 0 ? [`has the tags ${tags.join(", ")}`] : []),
      ...(limit === undefined ? [] : [`is for hosts of ${limit}`]),
    ];
    const which = reasons.length > 0 ? `that ${reasons.join(" and ")}` : "for a host of this cloud";
    throw new Error(`nothing ran: ${playbook} has no task ${which}`);
  }
  return hosts;
}

/** A failure has one cause more often than any other: the cloud is down. */
export async function explained(
  error: unknown,
  cloud: CloudReference,
  signal: AbortSignal,
): Promise<Error> {
  const failure = error instanceof Error ? error : new Error(String(error));
  const down = await unreachable(cloud, signal);
  if (down === undefined) return failure;
  return new Error(
    `${down}, \`pulumi up\` repairs a cloud that is down; what failed was: ${failure.message}`,
    { cause: error },
  );
}

async function unreachable(
  cloud: CloudReference,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const soon = AbortSignal.any([signal, AbortSignal.timeout(10_000)]);
    await OpenStackClient.connect(cloud, soon, 2);
    return undefined;
  } catch (error) {
    return error instanceof UnreachableError ? error.message : undefined;
  }
}

/** All texts in variables: Pulumi tells that something in them is secret, and not what. */
function textsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap(textsIn);
}
