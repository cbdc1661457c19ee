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
    return `  overcloud:${key}${shown || ":"} ${message}`;
  });
  return `The stack's configuration has ${problems.length} problem${problems.length === 1 ? "" : "s"}:\n${lines.join("\n")}`;
}

function show(value: unknown): string {
  const text = typeof value === "number" ? String(value) : (JSON.stringify(value) ?? String(value));
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** zod's issues in this project's words. */
export function problemsOf(error: z.ZodError, input: unknown): Problem[] {
  return error.issues.flatMap((issue): Problem[] => {
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
