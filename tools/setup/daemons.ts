import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { execa } from "execa";
import { asRoot, bootId, readText } from "./host.ts";
import { SetupError } from "./report.ts";

/** A process, told apart from any later one with the same pid. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks after boot at which it started. */
  readonly startTime: string;
  readonly bootId: string;
}

/** The identity of a process that runs now; undefined when there is none (or only a zombie). */
export function identify(pid: number): ProcessIdentity | undefined {
  const stat = readText(`/proc/${pid}/stat`);
  // The second field is the command in parentheses and may hold anything; fields count from its end.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, startTime] = [fields[0], fields[19]];
  if (startTime === undefined || state === "Z") return undefined;
  return { pid, startTime, bootId: bootId() };
}

/** Whether exactly this process still runs. */
export function isAlive(identity: ProcessIdentity): boolean {
  const now = identify(identity.pid);
  return now?.startTime === identity.startTime && now.bootId === identity.bootId;
}

/** Pids of the processes of that name that run; those that ended and wait to be reaped do not. */
export function pidsOf(command: string): number[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry) && readText(`/proc/${entry}/comm`).trim() === command)
    .map(Number)
    .filter((pid) => identify(pid) !== undefined);
}

/** The processes that set-up started and left running, kept as files in one folder. */
export class DaemonBook {
  private readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /**
   * Starts a command in a session of its own, as root, with its output in a file of its own: nothing
   * of it holds the caller's terminal or pipes open. Returns as soon as the process exists.
   */
  async start(name: string, argv: readonly string[], log: string): Promise<ProcessIdentity> {
    mkdirSync(this.folder, { recursive: true });
    const script = 'log=$1; shift; setsid -- "$@" >>"$log" 2>&1 </dev/null & echo $!';
    const [command = "sh", ...args] = await asRoot(
      ["sh", "-c", script, "sh", log, ...argv],
      `Starting ${name}`,
    );
    const { stdout } = await execa(command, args, { stdin: "ignore" });
    const identity = identify(Number(stdout.trim()));
    if (!identity) throw new SetupError(`${name} ended as soon as it was started, see ${log}.`);
    writeFileSync(this.fileOf(name), JSON.stringify(identity));
    return identity;
  }

  /** The process of that name that we started and that still runs. */
  find(name: string): ProcessIdentity | undefined {
    const text = readText(this.fileOf(name));
    if (text === "") return undefined;
    const identity = JSON.parse(text) as ProcessIdentity;
    return isAlive(identity) ? identity : undefined;
  }

  /** Names of everything ever started and not yet stopped by us. */
  names(): string[] {
    try {
      return readdirSync(this.folder)
        .filter((file) => file.endsWith(".pid"))
        .map((file) => file.slice(0, -".pid".length));
    } catch {
      return [];
    }
  }

  /** Ends one of ours and waits until it is gone; says what happened. */
  async stop(name: string, patienceSeconds = 60): Promise<string> {
    const file = this.fileOf(name);
    const identity = this.find(name);
    if (!identity) {
      rmSync(file, { force: true });
      return `${name} had ended already`;
    }
    const [command = "kill", ...args] = await asRoot(
      ["kill", "-TERM", String(identity.pid)],
      `Stopping ${name}`,
    );
    await execa(command, args);
    const deadline = Date.now() + patienceSeconds * 1000;
    while (isAlive(identity)) {
      if (Date.now() > deadline) {
        throw new SetupError(
          `${name} (pid ${identity.pid}) did not end within ${patienceSeconds} s of SIGTERM.`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    rmSync(file, { force: true });
    return `stopped ${name} (pid ${identity.pid})`;
  }

  private fileOf(name: string): string {
    return path.join(this.folder, `${name}.pid`);
  }
}

/** Takes a lock file for this process; waits while another live process has it. */
export async function withLock<T>(
  file: string,
  onWait: (holder: number) => void,
  work: () => Promise<T>,
): Promise<T> {
  mkdirSync(path.dirname(file), { recursive: true });
  const mine = JSON.stringify(identify(process.pid));
  for (let waited = false; ; waited = true) {
    try {
      writeFileSync(file, mine, { flag: "wx" });
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const holder = parseIdentity(readText(file));
    if (!holder || !isAlive(holder)) {
      rmSync(file, { force: true }); // Whoever held it was killed.
      continue;
    }
    if (!waited) onWait(holder.pid);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  const release = () => {
    if (readText(file) === mine) rmSync(file, { force: true });
  };
  process.once("exit", release);
  try {
    return await work();
  } finally {
    process.removeListener("exit", release);
    release();
  }
}

function parseIdentity(text: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(text) as ProcessIdentity;
  } catch {
    return undefined;
  }
}

/** Asks again and again until the answer is not undefined; gives up when the time is over. */
export async function eventually<T>(
  question: () => Promise<T | undefined>,
  seconds: number,
  giveUp?: () => boolean,
): Promise<T | undefined> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await question();
    if (answer !== undefined) return answer;
    if (Date.now() > deadline || giveUp?.()) return undefined;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

/** The end of a daemon's log, for an error. */
export function tail(file: string, lines = 8): string[] {
  try {
    return readFileSync(file, "utf8").trimEnd().split("\n").slice(-lines);
  } catch {
    return [];
  }
}
