/**
 * Runs one step: `node run.ts '<specification as JSON>'`. This is the one way any command of the product is run.
 *
 * - a log file holds everything; the last line of standard output is the result as JSON, nothing else ever reaches
 *   Pulumi's state
 * - a lock keeps two runs of the same step apart, also across two `pulumi up`
 * - a program runs in a process group of its own, which is ended as a whole when the time is over or Pulumi cancels
 */
import { spawn } from "node:child_process";
import { createWriteStream, mkdirSync, type WriteStream } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";
import { lock } from "proper-lockfile";
import { actions } from "./actions.ts";
import { specificationSchema } from "./specification.ts";

type Parsed = ReturnType<typeof specificationSchema.parse>;

/** Seconds that a program's process group gets between being asked to end and being ended: fewer than Pulumi's plugin gives. */
const GRACE_SECONDS = 5;

/** How much of a failed program's last words a message quotes. */
const MESSAGE_CHARACTERS = 1000;

export async function runStep(specificationText: string): Promise<unknown> {
  const specification = specificationSchema.parse(JSON.parse(specificationText));
  const { name, directory, timeoutSeconds } = specification;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const logPath = join(directory, `${name}.log`);
  const log = createWriteStream(logPath, { flags: "a", mode: 0o600 });
  const release = await lockStep(directory, name);
  const cancelled = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    // Every time: a second Ctrl-C would otherwise end this process and leave the program behind.
    process.on(signal, () => cancelled.abort(new Error(`cancelled by ${signal}`)));
  }
  const signal = AbortSignal.any([
    cancelled.signal,
    AbortSignal.timeout(Math.ceil(timeoutSeconds * 1000)),
  ]);
  const report = (line: string) => {
    log.write(`${new Date().toISOString()} ${line}\n`);
    process.stderr.write(`${line}\n`);
  };
  log.write(`${new Date().toISOString()} step ${name} starts\n`);
  try {
    const result = specification.argv
      ? await runProgram(specification.argv, log, signal)
      : await runAction(specification, report, signal);
    log.write(`${new Date().toISOString()} step ${name} is done\n`);
    return result;
  } catch (error) {
    const reason = signal.aborted
      ? describeAbort(signal.reason, timeoutSeconds)
      : error instanceof Error
        ? error.message
        : String(error);
    log.write(`${new Date().toISOString()} step ${name} failed: ${reason}\n`);
    throw new Error(`Step ${name} failed: ${reason} (log: ${logPath})`, { cause: error });
  } finally {
    await release();
    await new Promise<void>((resolve) => log.end(resolve));
  }
}

async function lockStep(directory: string, name: string): Promise<() => Promise<void>> {
  try {
    return await lock(directory, {
      lockfilePath: join(directory, `${name}.lock`),
      // A run that was killed leaves its lock; it stops refreshing it and loses it after this long.
      stale: 10_000,
      retries: { retries: 12, minTimeout: 1000, maxTimeout: 1000 },
    });
  } catch (error) {
    throw new Error(`Step ${name} is already running; wait for the other \`pulumi\` to end.`, {
      cause: error,
    });
  }
}

async function runAction(
  { name, action, args }: Parsed,
  report: (line: string) => void,
  signal: AbortSignal,
): Promise<unknown> {
  const load = new Map(Object.entries(actions)).get(action ?? "");
  if (!load) throw new Error(`there is no action ${action ?? name}`);
  const run = await load();
  return await run(args as never, { report, signal, readInput: () => text(process.stdin) });
}

function runProgram(argv: string[], log: WriteStream, signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve, reject) => {
    const [program = "", ...rest] = argv;
    const child = spawn(program, rest, { detached: true, stdio: ["ignore", "pipe", "pipe"] });
    let tail = "";
    const collect = (chunk: Buffer) => {
      log.write(chunk);
      tail = (tail + chunk.toString()).slice(-MESSAGE_CHARACTERS);
    };
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    const killGroup = (how: NodeJS.Signals) => {
      try {
        if (child.pid) process.kill(-child.pid, how);
      } catch {
        // The group is gone already.
      }
    };
    let grace: NodeJS.Timeout | undefined;
    const end = () => {
      killGroup("SIGTERM");
      grace = setTimeout(() => killGroup("SIGKILL"), GRACE_SECONDS * 1000);
    };
    signal.addEventListener("abort", end, { once: true });
    child.once("error", (error) =>
      reject(new Error(`${program} can't be started: ${error.message}`)),
    );
    child.once("close", (code, by) => {
      clearTimeout(grace);
      signal.removeEventListener("abort", end);
      // What the program left in its group goes with it.
      killGroup("SIGKILL");
      // One that ends politely when it is asked to has not done its work either.
      if (code === 0 && !signal.aborted) resolve(undefined);
      else {
        const last = tail.split("\n").filter(Boolean).slice(-5).join(" | ");
        reject(new Error(`${program} ended with ${code ?? by}: ${last}`));
      }
    });
    if (signal.aborted) end();
  });
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
