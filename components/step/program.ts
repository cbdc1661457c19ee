import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { StringDecoder } from "node:string_decoder";
import { hideSecrets } from "./secrets.ts";

/** A program with its arguments; no shell reads them. */
export interface Program {
  argv: readonly string[];
  /** Variables besides the step's own; `undefined` takes one away. Nothing secret. */
  environment?: Readonly<Record<string, string | undefined>>;
  /** Folder it runs in. Default: the step's own. */
  cwd?: string;
  /** Gets every line that it prints, as soon as the line is whole. */
  observe?: (line: string) => void;
  /** What it may print and nobody may read: `[secret]` stands for it in logs, messages and lines. */
  secrets?: readonly string[];
  /** Ends it as the step's own time limit does, where that is longer. */
  signal?: AbortSignal;
}

/** Seconds that a program's process group gets between being asked to end and being ended: fewer than Pulumi's plugin gives. */
const GRACE_SECONDS = 5;

/** How much of a failed program's last words a message quotes, and from how much it is chosen. */
const MESSAGE_LINES = 5;
const LINE_CHARACTERS = 300;
const KEPT_CHARACTERS = 65_536;

/** How ansible says what failed; a summary of all hosts follows. */
const VERDICT = /^(fatal: |ERROR! )/;

/**
 * Runs a program in a process group of its own, which ends with it: what it left behind, when `signal` is aborted, and
 * when this process dies, however that happens.
 * @param output gets everything that the program prints, on either stream
 * @returns what it printed on standard output, if `capture` is true
 * @throws ProgramError when it can't be started, fails, or was told to end
 */
export function runProgram(
  { argv, environment, cwd, observe, secrets = [] }: Program,
  output: (chunk: Buffer) => void,
  signal: AbortSignal,
  capture = false,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const [program = "", ...rest] = argv;
    if (cwd !== undefined && !existsSync(cwd)) {
      // spawn() would say that the program is missing.
      reject(new ProgramError(`${program} can't be started: there is no folder ${cwd}`, ""));
      return;
    }
    const guard = startGuard();
    const child = spawn(program, rest, {
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      ...(cwd !== undefined && { cwd }),
      ...(environment && { env: { ...process.env, ...environment } }),
    });
    guard.watch(child.pid);
    const captured: Buffer[] = [];
    let tail = "";
    const collect = (chunk: Buffer) => {
      output(chunk);
      tail = (tail + chunk.toString()).slice(-KEPT_CHARACTERS);
    };
    const wholeLines = observe !== undefined || secrets.length > 0;
    for (const stream of [child.stdout, child.stderr]) {
      const pass = (chunk: Buffer) => {
        if (capture && stream === child.stdout) captured.push(chunk);
        collect(chunk);
      };
      if (!wholeLines) {
        stream.on("data", pass);
        continue;
      }
      const lines = new Lines((text) => {
        const readable = hideSecrets(text, secrets);
        pass(Buffer.from(readable));
        for (const line of readable.split("\n").slice(0, -1)) observe?.(line);
      });
      stream.on("data", (chunk: Buffer) => lines.add(chunk)).on("end", () => lines.end());
    }
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
    child.once("error", (error) => {
      guard.release();
      signal.removeEventListener("abort", end);
      reject(new ProgramError(`${program} can't be started: ${error.message}`, ""));
    });
    child.once("close", (code, by) => {
      clearTimeout(grace);
      signal.removeEventListener("abort", end);
      // What the program left in its group goes with it.
      killGroup("SIGKILL");
      guard.release();
      // One that ends politely when it is asked to has not done its work either.
      if (code === 0 && !signal.aborted) resolve(Buffer.concat(captured).toString());
      else {
        const last = lastLines(tail);
        reject(new ProgramError(`${program} ended with ${code ?? by}: ${last}`, last));
      }
    });
    if (signal.aborted) end();
  });
}

/** Passes a stream on in whole lines. */
class Lines {
  readonly #pass: (text: string) => void;
  readonly #decoder = new StringDecoder("utf8");
  #rest = "";

  constructor(pass: (text: string) => void) {
    this.#pass = pass;
  }

  add(chunk: Buffer): void {
    const text = this.#rest + this.#decoder.write(chunk);
    const end = text.lastIndexOf("\n") + 1;
    this.#rest = text.slice(end);
    if (end > 0) this.#pass(text.slice(0, end));
  }

  /** The last line may have no end. */
  end(): void {
    if (this.#rest !== "") this.#pass(`${this.#rest}\n`);
  }
}

export class ProgramError extends Error {
  /** The last lines that it printed, as one. */
  readonly lastLines: string;

  constructor(message: string, lastLines: string) {
    super(message);
    this.name = "ProgramError";
    this.lastLines = lastLines;
  }
}

function lastLines(text: string): string {
  const lines = text
    .split(/[\r\n]+/)
    .map(withoutColours)
    .filter((line) => line.trim() !== "");
  const last = lines.slice(-MESSAGE_LINES);
  const verdict = lines.findLast((line) => VERDICT.test(line));
  const quoted = verdict === undefined || last.includes(verdict) ? last : [verdict, ...last];
  return quoted.map(shortened).join(" | ");
}

function shortened(line: string): string {
  return line.length > LINE_CHARACTERS ? `${line.slice(0, LINE_CHARACTERS - 3)}...` : line;
}

function withoutColours(line: string): string {
  // eslint-disable-next-line no-control-regex
  return line.replaceAll(/\u001b\[[\d;]*m/g, "");
}

/**
 * Waits on a pipe that only its parent holds. When the pipe closes without a word, the parent is dead: nobody could
 * warn of a SIGKILL, or of the machine running out of memory. Then it ends the group that it was told of.
 *
 * Why so: `setpriv --pdeathsig` reaches the program alone and none of its children, and not even it once it runs
 * something as another user; a group noted in the lock file would run on until somebody runs the step again. A guard
 * ends all of the group at once, and in less time than the lock of a dead run takes to be given to the next.
 */
const GUARD = `
read -r group || exit 0
read -r word && exit 0
kill -s TERM -- "-$group" 2>/dev/null || exit 0
sleep ${GRACE_SECONDS}
kill -s KILL -- "-$group" 2>/dev/null
`;

function startGuard() {
  // In a session of its own, so that what kills this process's group does not kill the guard before its work.
  const guard = spawn("/bin/sh", ["-c", GUARD], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
    cwd: "/",
  });
  guard.unref();
  // It may be killed by others; the program then runs without it.
  guard.on("error", () => {});
  guard.stdin.on("error", () => {});
  return {
    watch: (group: number | undefined) => {
      if (group !== undefined) guard.stdin.write(`${group}\n`);
    },
    release: () => void guard.stdin.end("done\n"),
  };
}
