import { spawn, type ChildProcess } from "node:child_process";
import path from "node:path";
import type { Specification } from "../../components/step/specification.ts";

const RUNNER = path.join(import.meta.dirname, "../../components/step/run.ts");

export interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** A step in a process of its own, as Pulumi starts it. */
export interface RunningStep {
  process: ChildProcess;
  ended: Promise<Ended>;
}

export function startStep(
  specification: Specification | string,
  options: { input?: string; env?: Record<string, string> } = {},
): RunningStep {
  const text = typeof specification === "string" ? specification : JSON.stringify(specification);
  const child = spawn(process.execPath, [RUNNER, text], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, NODE_NO_WARNINGS: "1", ...options.env },
  });
  child.stdin.on("error", () => {}); // A step that reads no input may end before it is written.
  child.stdin.end(options.input ?? "");
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const ended = new Promise<Ended>((resolve) => {
    child.once("close", (status) => resolve({ status, stdout, stderr }));
  });
  return { process: child, ended };
}

export async function runStep(...args: Parameters<typeof startStep>): Promise<Ended> {
  return await startStep(...args).ended;
}
