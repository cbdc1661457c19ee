/** What an action is given besides its arguments. */
export interface ActionContext {
  /** Writes a line to the step's log and, as progress, to whoever runs `pulumi up`. */
  report: (line: string) => void;
  /** Aborted when the step is cancelled or its time is over. */
  signal: AbortSignal;
  /** What the step was given on standard input, where secrets travel; empty if nothing. */
  readInput: () => Promise<string>;
}

/**
 * One piece of work that runs in a step. Actions are idempotent: they look first and do what is missing.
 * The result becomes the step's output, so it is small, JSON and not secret unless the step says so.
 */
export type Action<Args = Record<string, unknown>> = (
  args: Args,
  context: ActionContext,
) => Promise<unknown>;
