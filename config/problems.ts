import type { z } from "zod";

/** One thing that is wrong with the settings: which key, what it holds, what would be right. */
export interface Problem {
  key: string;
  /** As the user wrote it; left out where showing it would not help. */
  value?: unknown;
  message: string;
  /** Other keys that the problem depends on. */
  involves?: string[];
}

/** Bad settings. The message lists every problem, one line each. */
export class SettingsError extends Error {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(formatProblems(problems));
    this.name = "SettingsError";
    this.problems = problems;
  }
}

export function formatProblems(problems: readonly Problem[]): string {
  const lines = problems.map(({ key, value, message }) => {
    const shown = value === undefined ? "" : ` is ${show(value)}:`;
    return visible(`  overcloud:${key}${shown || ":"} ${message}`);
  });
  return `The stack's configuration has ${problems.length} problem${problems.length === 1 ? "" : "s"}:\n${lines.join("\n")}`;
}

/** With what would break the line, or make it look other than it is, as JSON has it. */
function visible(line: string): string {
  return line.replaceAll(
    /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function show(value: unknown): string {
  const text = typeof value === "number" ? String(value) : (JSON.stringify(value) ?? String(value));
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** zod's issues in this project's words. */
export function problemsOf(error: z.ZodError, input: unknown): Problem[] {
  // One for each place: what fails the first rule of a field fails others as well.
  const first = error.issues.filter(
    ({ code, path }, position, all) =>
      code === "unrecognized_keys" ||
      all.findIndex((other) => other.code !== "unrecognized_keys" && samePath(other.path, path)) ===
        position,
  );
  return first.flatMap((issue): Problem[] => {
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => ({
        key: [...issue.path, key].join("."),
        message: "is not a setting; see the table in README.md",
      }));
    }
    return [
      {
        key: issue.path.join("."),
        value: isSecret(issue.path) ? undefined : valueAt(input, issue.path),
        message: issue.message.replace(/^Invalid input: /, ""),
      },
    ];
  });
}

const samePath = (a: readonly PropertyKey[], b: readonly PropertyKey[]): boolean =>
  a.length === b.length && a.every((key, position) => key === b[position]);

/** Whether what is there may hold variables of a playbook, which may be secret. */
function isSecret([first, , key]: readonly PropertyKey[]): boolean {
  return first === "playbooks" && (key === undefined || key === "extraVars");
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === "object" && value !== null
        ? (value as Record<PropertyKey, unknown>)[key]
        : undefined,
    input,
  );
}
