import { spawn } from "node:child_process";
import { closeSync, openSync, writeSync } from "node:fs";

/** How a program ended: by itself, with a status, or because we ended it. */
export type Ending = { by: "itself"; status: number } | { by: "interruption" } | { by: "limit" };

export interface ProcessOptions {
  cwd: string;
  env?: NodeJS.ProcessEnv;
  /** Everything that it prints is appended to this file. */
  log: string;
  /** Text for its standard input. Default: none. */
  input?: string;
  limitSeconds: number;
  interrupted: AbortSignal;
}

/** Milliseconds between asking a program to end, telling it to, and making it. */
const GRACE_MS = { interrupt: 90_000, terminate: 15_000 };

/**
 * Runs a program in a process group of its own, so that ^C on the terminal reaches it once: through us. When it is to
 * end it is interrupted, and has time to tidy up; in the end its whole group is killed. Signals that come after the
 * first change nothing: pulumi takes a second one for leave to drop what it is at.
 */
export async function runProcess(
  [command = "", ...args]: readonly string[],
  { cwd, env = process.env, log, input, limitSeconds, interrupted }: ProcessOptions,
): Promise<Ending> {
  const file = openSync(log, "a", 0o600);
  writeSync(file, `--- ${new Date().toISOString()} ${[command, ...args].join(" ")}\n`);
  const child = spawn(command, args, {
    cwd,
    env,
    detached: true,
    stdio: [input === undefined ? "ignore" : "pipe", file, file],
  });
  closeSync(file);
  child.stdin?.on("error", () => {});
  child.stdin?.end(input);
  const timers: NodeJS.Timeout[] = [];
  let ended: Ending | undefined;
  const signalGroup = (name: NodeJS.Signals) => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, name);
    } catch {
      // Gone already.
    }
  };
  const end = (ending: Ending) => {
    if (ended) return;
    ended = ending;
    child.kill("SIGINT");
    timers.push(
      setTimeout(() => signalGroup("SIGTERM"), GRACE_MS.interrupt),
      setTimeout(() => signalGroup("SIGKILL"), GRACE_MS.interrupt + GRACE_MS.terminate),
    );
  };
  const interrupt = () => end({ by: "interruption" });
  timers.push(setTimeout(() => end({ by: "limit" }), limitSeconds * 1000));
  interrupted.addEventListener("abort", interrupt);
  if (interrupted.aborted) interrupt();
  try {
    const status = await new Promise<number>((resolve, reject) => {
      child.on("error", reject);
      child.on("exit", (code) => resolve(code ?? 1));
    });
    return ended ?? { by: "itself", status };
  } finally {
    timers.forEach((timer) => clearTimeout(timer));
    interrupted.removeEventListener("abort", interrupt);
  }
}
