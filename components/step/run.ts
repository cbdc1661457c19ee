/**
 * Runs one step: `node run.ts '<specification as JSON>'`. This is the one way any command of the product is run.
 *
 * - a log file holds everything; the last line of standard output is the result as JSON, nothing else ever reaches
 *   Pulumi's state
 * - a lock keeps two runs of the same step apart, also across two `pulumi up`
 * - a program runs in a process group of its own, which is ended as a whole when the time is over, Pulumi cancels or this
 *   process is killed
 */
import { createWriteStream, mkdirSync, type WriteStream } from "node:fs";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";
import { lock } from "proper-lockfile";
import type { ActionContext } from "./action.ts";
import { actions } from "./actions.ts";
import { ProgramError, runProgram } from "./program.ts";
import { specificationSchema } from "./specification.ts";

/** Milliseconds after which a lock that nobody refreshes is no one's. */
const STALE_MS = 10_000;

type Parsed = ReturnType<typeof specificationSchema.parse>;

export async function runStep(specificationText: string): Promise<unknown> {
  const specification = specificationSchema.parse(JSON.parse(specificationText));
  const { name, directory, timeoutSeconds } = specification;
  const logPath = join(directory, `${name}.log`);
  const cancelled = new AbortController();
  const end = (error: Error) => cancelled.abort(error);
  const log = openLog(logPath, name, end);
  const release = await lockStep(directory, name, timeoutSeconds, end);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    // Every time: a second Ctrl-C would otherwise end this process and leave the program behind.
    process.on(signal, () => cancelled.abort(new Error(`cancelled by ${signal}`)));
  }
  const signal = AbortSignal.any([
    cancelled.signal,
    AbortSignal.timeout(Math.ceil(timeoutSeconds * 1000)),
  ]);
  const context: ActionContext = {
    report: (line) => {
      log.write(`${new Date().toISOString()} ${line}\n`);
      process.stderr.write(`${line}\n`);
    },
    signal,
    readInput: () => text(process.stdin),
    // Pulumi's name for it.
    previous: process.env["PULUMI_COMMAND_STDOUT"] ?? "",
    run: (program) => {
      log.write(`${new Date().toISOString()} $ ${program.argv.join(" ")}\n`);
      const end = program.signal ? AbortSignal.any([signal, program.signal]) : signal;
      return runProgram(program, (chunk) => log.write(chunk), end, true);
    },
  };
  log.write(`${new Date().toISOString()} step ${name} starts\n`);
  try {
    const { argv, environment, cwd } = specification;
    const result = argv
      ? void (await runProgram({ argv, environment, cwd }, (chunk) => log.write(chunk), signal))
      : await runAction(specification, context);
    log.write(`${new Date().toISOString()} step ${name} is done\n`);
    return result;
  } catch (error) {
    const reason = signal.aborted
      ? describeAbort(signal.reason, timeoutSeconds) + quote(error)
      : error instanceof Error
        ? error.message
        : String(error);
    log.write(`${new Date().toISOString()} step ${name} failed: ${reason}\n`);
    throw new Error(`Step ${name} failed: ${reason} (log: ${logPath})`, { cause: error });
  } finally {
    // A lock that was taken away can't be given back.
    await release().catch(() => undefined);
    await new Promise<void>((resolve) => log.end(resolve));
  }
}

/** @param failed is told, once, when the log can't be written any more: a step that nobody could follow ends */
function openLog(path: string, name: string, failed: (error: Error) => void): WriteStream {
  const reasonOf = (error: unknown) =>
    `${path} can't be written: ${error instanceof Error ? error.message : String(error)}`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new Error(`Step ${name} failed: ${reasonOf(error)}`, { cause: error });
  }
  const log = createWriteStream(path, { flags: "a", mode: 0o600 });
  log.on("error", (error) => failed(new Error(reasonOf(error), { cause: error })));
  return log;
}

/**
 * Waits for another run of the step for as long as this one may take, so that removals that are due together come one after the other.
 * @param lost is told, once, when the lock is gone or somebody else's: a step that another may run beside ends
 */
async function lockStep(
  directory: string,
  name: string,
  timeoutSeconds: number,
  lost: (error: Error) => void,
): Promise<() => Promise<void>> {
  const lockfilePath = join(directory, `${name}.lock`);
  const take = (retries: number) =>
    lock(directory, {
      lockfilePath,
      onCompromised: (error) =>
        lost(new Error(`its lock ${lockfilePath} was taken away`, { cause: error })),
      // A run that was killed leaves its lock; it stops refreshing it and loses it after this long.
      stale: STALE_MS,
      retries: { retries, minTimeout: 1000, maxTimeout: 1000 },
    });
  try {
    return await take(0).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== "ELOCKED") throw error;
      process.stderr.write(`another run of step ${name} is at work; waiting for it\n`);
      return take(Math.ceil(Math.max(timeoutSeconds, STALE_MS / 1000 + 2)));
    });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason =
      code === "ELOCKED"
        ? "is already running; wait for the other `pulumi` to end."
        : `failed: its lock can't be written: ${message}`;
    throw new Error(`Step ${name} ${reason}`, { cause: error });
  }
}

async function runAction({ name, action, args }: Parsed, context: ActionContext): Promise<unknown> {
  const load = new Map(Object.entries(actions)).get(action ?? "");
  if (!load) throw new Error(`there is no action ${action ?? name}`);
  const run = await load();
  return await run(args as never, context);
}

/** Where a program was when it was told to end. */
function quote(error: unknown): string {
  return error instanceof ProgramError && error.lastLines ? `: ${error.lastLines}` : "";
}

function describeAbort(reason: unknown, timeoutSeconds: number): string {
  if (reason instanceof DOMException && reason.name === "TimeoutError") {
    return `not done after ${timeoutSeconds} s`;
  }
  return reason instanceof Error ? reason.message : String(reason);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  try {
    const result = await runStep(process.argv[2] ?? "");
    if (result !== undefined) process.stdout.write(`${JSON.stringify(result)}\n`);
    process.exit(0);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
}
