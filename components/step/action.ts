import type { Program } from "./program.ts";

/** What an action is given besides its arguments. */
export interface ActionContext {
  /** Writes a line to the step's log and, as progress, to whoever runs `pulumi up`. */
  report: (line: string) => void;
  /** Aborted when the step is cancelled or its time is over. */
  signal: AbortSignal;
  /** What the step was given on standard input, where secrets travel; empty if nothing. */
  readInput: () => Promise<string>;
  /** For steps that ask for it, their result of the time before, JSON; anything the first time. */
  previous: string;
  /**
   * Runs a program whose output goes to the step's log, and ends it with the step.
   * @returns what it printed on standard output
   * @throws ProgramError quoting its last words, when it fails
   */
  run: (program: Program) => Promise<string>;
}

/**
 * One piece of work that runs in a step. Actions are idempotent: they look first and do what is missing.
 * The result becomes the step's output, so it is small, JSON and not secret unless the step says so.
 */
export type Action<Args = Record<string, unknown>> = (
  args: Args,
  context: ActionContext,
) => Promise<unknown>;
