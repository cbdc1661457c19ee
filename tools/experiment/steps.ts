import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { PlannedStep } from "./plan.ts";
import { runProcess, type Ending } from "./process.ts";
import type { Attempt } from "./result.ts";
import { playbookFile } from "./schema.ts";
import type { Stack } from "./stack.ts";

export interface StepContext {
  root: string;
  stack: Stack;
  /** The experiment's file: paths of playbooks are relative to it. */
  file: string;
  /** Folder of the result. */
  folder: string;
  /** Aborts when the experiment is to stop where it is. */
  interrupted: AbortSignal;
  /** Seconds that are left of the time for all steps. */
  secondsLeft: number;
}

export type StepOutcome = Pick<Attempt, "outcome" | "message" | "playbookResult">;

/** Where a step's files are, relative to the result's folder. */
export const logOf = ({ id }: PlannedStep): string => `steps/${id}.log`;
const playbookResultOf = ({ id }: PlannedStep): string => `steps/${id}.json`;

/** What the step was asked to do, for the result. */
export function parametersOf({ work, overrides }: PlannedStep): Record<string, unknown> {
  switch (work.kind) {
    case "update":
      return { ...overrides };
    case "playbook":
      return {
        playbook: work.playbook,
        vars: work.vars,
        ...(work.tags.length && { tags: work.tags }),
      };
    case "wait":
      return { seconds: work.seconds };
  }
}

/** Runs one step to its end, its time limit or an interruption. Rejects only where it can't even be started. */
export async function runStep(step: PlannedStep, context: StepContext): Promise<StepOutcome> {
  const { work } = step;
  switch (work.kind) {
    case "wait":
      return wait(work.seconds, context);
    case "update":
      return context.stack.withOverrides(step.overrides, async (argv) =>
        outcomeOf(
          await run(argv, step, context),
          `pulumi up of ${context.stack.name}`,
          step,
          context,
        ),
      );
    case "playbook":
      return runPlaybookStep(work, step, context);
  }
}

async function wait(seconds: number, context: StepContext): Promise<StepOutcome> {
  const { interrupted, secondsLeft } = context;
  try {
    await sleep(Math.min(seconds, secondsLeft) * 1000, undefined, { signal: interrupted });
  } catch {
    return { outcome: "interrupted" };
  }
  return seconds > secondsLeft ? outOfTime() : { outcome: "done" };
}

async function runPlaybookStep(
  work: Extract<PlannedStep["work"], { kind: "playbook" }>,
  step: PlannedStep,
  context: StepContext,
): Promise<StepOutcome> {
  const { root, stack, file, folder } = context;
  const found = playbookFile(work.playbook, file, path.join(root, "playbooks"));
  if (found === undefined) {
    return { outcome: "failed", message: `there is no playbook ${work.playbook}` };
  }
  const resultFile = path.join(folder, playbookResultOf(step));
  const input = JSON.stringify({
    stack: stack.name,
    path: found,
    tags: work.tags,
    extraVars: { ...work.vars, overcloud_result_file: resultFile },
    log: path.join(folder, logOf(step)),
  });
  const script = path.join(root, "tools/experiment/playbook-run.ts");
  const argv = [process.execPath, "--disable-warning=ExperimentalWarning", script];
  const outcome = outcomeOf(
    await run(argv, step, context, input),
    `playbook ${work.playbook}`,
    step,
    context,
  );
  const result = readJson(resultFile);
  return result === undefined ? outcome : { ...outcome, playbookResult: result };
}

function run(
  argv: readonly string[],
  step: PlannedStep,
  { root, folder, interrupted, secondsLeft }: StepContext,
  input?: string,
): Promise<Ending> {
  return runProcess(argv, {
    cwd: root,
    log: path.join(folder, logOf(step)),
    limitSeconds: Math.min(step.limitSeconds, secondsLeft),
    interrupted,
    ...(input !== undefined && { input }),
  });
}

function outcomeOf(
  ending: Ending,
  what: string,
  step: PlannedStep,
  { secondsLeft, folder }: StepContext,
): StepOutcome {
  switch (ending.by) {
    case "interruption":
      return { outcome: "interrupted" };
    case "limit":
      return secondsLeft < step.limitSeconds
        ? outOfTime()
        : {
            outcome: "timed out",
            message: `${what} took longer than ${step.limitSeconds / 60} minutes and was ended: raise limitMinutes, or see ${logOf(step)}`,
          };
    case "itself":
      return ending.status === 0
        ? { outcome: "done" }
        : {
            outcome: "failed",
            message: `${what} ended with status ${ending.status}${reasonIn(path.join(folder, logOf(step)))}; see ${logOf(step)}`,
          };
  }
}

function outOfTime(): StepOutcome {
  return {
    outcome: "timed out",
    message: "the time for all steps is over: raise limits.totalMinutes",
  };
}

/** The sentence in which a playbook's run or pulumi says what is wrong, if there is one in the last attempt's log. */
export function reasonIn(log: string): string {
  const text = readFileSync(log, "utf8");
  const attempt = text.slice(Math.max(0, text.lastIndexOf("\n--- ")));
  const sentence =
    /^playbook: (.+)$/m.exec(attempt)?.[1] ??
    /^ +error: (?!update failed)(.+)$/m.exec(attempt)?.[1] ??
    /^error: (.+)$/m.exec(attempt)?.[1];
  if (sentence === undefined) return "";
  return `: ${sentence.length > 300 ? `${sentence.slice(0, 299)}…` : sentence}`;
}

function readJson(file: string): unknown {
  try {
    return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as unknown) : undefined;
  } catch {
    return undefined;
  }
}
