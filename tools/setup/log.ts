import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeSync,
} from "node:fs";
import path from "node:path";
import { execa } from "execa";
import { SetupError } from "./report.ts";

/** How a command is run. */
export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly timeoutSeconds?: number;
  /** What to say first when it fails; a sentence. */
  readonly failure?: string;
}

/** The log file of one task: every command of the task writes into it. */
export class TaskLog {
  readonly file: string;

  constructor(folder: string, task: string) {
    mkdirSync(folder, { recursive: true });
    this.file = path.join(folder, `${task}.log`);
  }

  /** Adds a line of our own. */
  write(line: string): void {
    const fd = openSync(this.file, "a");
    try {
      writeSync(fd, `[${new Date().toISOString()}] ${line}\n`);
    } finally {
      closeSync(fd);
    }
  }

  /** Adds what something else wrote, as it is. */
  output(text: string): void {
    appendFileSync(this.file, text);
  }

  /** Runs a command with its output going to the log; throws a SetupError when it fails. */
  async run(
    command: string,
    args: readonly string[],
    options: CommandOptions = {},
  ): Promise<string> {
    const result = await this.try(command, args, options);
    if (result.ok) return result.output;
    const reason = result.timedOut
      ? `${command} did not end within ${options.timeoutSeconds} s`
      : `${[command, ...args.slice(0, 2)].join(" ")} failed (${result.status})`;
    const sentence =
      options.failure === undefined ? `${reason}.` : `${options.failure} (${reason})`;
    throw new SetupError(sentence, lastLines(result.output));
  }

  /** As run(), but a failure is an answer. `output` is stdout and stderr, as they came. */
  async try(
    command: string,
    args: readonly string[],
    options: CommandOptions = {},
  ): Promise<{ ok: boolean; status: string; timedOut: boolean; output: string }> {
    this.write(`$ ${[command, ...args].join(" ")}`);
    const result = await execa(command, args, {
      cwd: options.cwd,
      env: options.env,
      extendEnv: options.env === undefined,
      timeout: options.timeoutSeconds === undefined ? undefined : options.timeoutSeconds * 1000,
      stdin: "ignore",
      all: true,
      stdout: ["pipe", { file: this.file, append: true }],
      stderr: ["pipe", { file: this.file, append: true }],
      reject: false,
    });
    const status = result.failed
      ? result.exitCode === undefined
        ? (result.originalMessage ?? result.shortMessage ?? "it could not be started")
        : `exit status ${result.exitCode}`
      : "ok";
    this.write(`= ${status}`);
    return {
      ok: !result.failed,
      status,
      timedOut: result.timedOut,
      output: String(result.all ?? ""),
    };
  }
}

/** The last lines of some output that say something. */
export function lastLines(output: string, count = 8): string[] {
  return output
    .split(/[\r\n]+/)
    .map((line) => line.trimEnd())
    .filter((line) => line !== "")
    .slice(-count);
}

/** The last line that a task's command wrote; "" where there is none. */
export function lastLineOf(file: string): string {
  if (!existsSync(file)) return "";
  const last = lastLines(readFileSync(file, "utf8").slice(-4000), 1)[0]?.trim() ?? "";
  return /^\[\d{4}-/.test(last) ? "" : last; // Our own lines say nothing new.
}
