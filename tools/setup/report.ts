import type { Observer, Outcome, Task } from "./graph.ts";

/** A failure that says by itself what to do; others are shown with the end of their log. */
export class SetupError extends Error {
  /** The last lines that the failed command wrote, if a command failed. */
  readonly lastLines: readonly string[];

  constructor(message: string, lastLines: readonly string[] = []) {
    super(message);
    this.name = "SetupError";
    this.lastLines = lastLines;
  }
}

/** `4.2 s`, `37 s`, `3 min 05 s`. */
export function duration(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
}

/** Where the reporter writes, and what it asks. */
export interface ReporterOptions {
  readonly write: (line: string) => void;
  /** Path of a task's log, as shown to the user. */
  readonly logPath: (task: string) => string;
  /** Last line of a task's log, shown with the heartbeat. */
  readonly lastLine?: (task: string) => string;
  readonly heartbeatSeconds?: number;
}

/** Prints what set-up does: a line when a task starts, lives on, and ends. */
export class Reporter implements Observer {
  private readonly options: ReporterOptions;
  private readonly active = new Map<string, NodeJS.Timeout>();
  private readonly width: number;

  constructor(taskNames: readonly string[], options: ReporterOptions) {
    this.options = options;
    this.width = Math.max(0, ...taskNames.map((name) => name.length));
  }

  started(task: Task): void {
    this.line("▸", task.name, "started");
    const since = Date.now();
    const beat = setInterval(
      () => {
        const last = this.options.lastLine?.(task.name) ?? "";
        const doing = last === "" ? "" : `: ${last.length > 90 ? `${last.slice(0, 87)}…` : last}`;
        this.line("…", task.name, `${duration((Date.now() - since) / 1000)}${doing}`);
      },
      (this.options.heartbeatSeconds ?? 20) * 1000,
    );
    beat.unref();
    this.active.set(task.name, beat);
  }

  ended(task: Task, outcome: Outcome): void {
    clearInterval(this.active.get(task.name));
    this.active.delete(task.name);
    switch (outcome.status) {
      case "present":
        break; // The closing line counts them; a line each would only hide what happened.
      case "made": {
        const note = outcome.note === "" ? "" : `: ${outcome.note}`;
        this.line("✓", task.name, `done in ${duration(outcome.seconds)}${note}`);
        break;
      }
      case "failed":
        this.line("✗", task.name, `failed after ${duration(outcome.seconds)}`);
        break;
      case "skipped":
        this.line("-", task.name, `not done, it needs ${outcome.because}`);
        break;
    }
  }

  /** Something the user should know while it happens: what is started or installed on the machine. */
  say(task: string, sentence: string): void {
    this.line("!", task, sentence);
  }

  /** What went wrong, one paragraph per failed task. */
  failures(outcomes: ReadonlyMap<string, Outcome>): void {
    for (const [name, outcome] of outcomes) {
      if (outcome.status !== "failed") continue;
      const { error } = outcome;
      this.options.write(`\nset-up: task ${name} failed: ${error.message}`);
      const lines = error instanceof SetupError ? error.lastLines : [];
      for (const line of lines) this.options.write(`    | ${line}`);
      this.options.write(`  Everything it wrote: ${this.options.logPath(name)}`);
    }
    this.options.write(
      "\nRepair what is named above and run the same command again: what is done is not repeated.",
    );
  }

  private line(mark: string, task: string, text: string): void {
    this.options.write(`  ${mark} ${task.padEnd(this.width)}  ${text}`);
  }
}
