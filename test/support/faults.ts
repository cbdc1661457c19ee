import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, globSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { removeUnnoted } from "../../tools/interrupted.ts";
import { endOrphans, releaseDeadLocks } from "../../tools/leftovers.ts";
import type { ScratchStack } from "../../tools/scratch-stack.ts";
import { readText } from "../../tools/setup/host.ts";
import { awaitStopping } from "../../tools/stopping.ts";
import { stepsOf } from "../../tools/sweep/machine.ts";
import { eventually } from "./cloud.ts";
import { placeOf } from "./places.ts";
import { expectNoneInDocker } from "./docker.ts";

/** Where the stacks are that faults are injected into, one at a time. */
export const PLACE = placeOf("faults");

/** Where a second stack beside it is. */
export const PLACE_BESIDE = placeOf("faults-beside");

/** Folder of a stack's state backend. */
export const backendOf = (stack: ScratchStack): string =>
  fileURLToPath(stack.environment["PULUMI_BACKEND_URL"] ?? "");

/** Folder of what a stack writes for its user. */
export const outputOf = (stack: ScratchStack): string =>
  join(stack.directory, "output", stack.name);

/** Milliseconds between two looks whether the moment of an interruption has come. */
const MOMENT_MS = 100;

/** Whether the process still runs that a child was. */
const runs = (child: ChildProcess): boolean => child.exitCode === null && child.signalCode === null;

/**
 * Starts `pulumi` and, unless it ends earlier by itself, sends a signal to it and all that it started: what the kernel
 * does that runs out of memory (SIGKILL), and a terminal at ^C (SIGINT).
 * @param moment when the signal is sent: after as many seconds, or as soon as something is so
 * @returns whether it was the signal that ended it
 */
export async function interrupted(
  stack: ScratchStack,
  operation: "up" | "destroy",
  signal: "SIGKILL" | "SIGINT",
  moment: number | (() => Promise<boolean>),
): Promise<boolean> {
  const argv = [operation, "--yes", "--skip-preview", "--non-interactive", "--stack", stack.name];
  const child = spawn("pulumi", argv, {
    ...{ cwd: stack.directory, stdio: "ignore", detached: true },
    env: { ...process.env, ...stack.environment },
  });
  const ended = once(child, "exit");
  const end = typeof moment === "number" ? Date.now() + moment * 1000 : Infinity;
  const hasCome = typeof moment === "number" ? () => Date.now() >= end : moment;
  while (runs(child) && !(await hasCome())) await Promise.race([sleep(MOMENT_MS), ended]);
  const interrupts = runs(child) && child.pid !== undefined;
  if (interrupts && child.pid !== undefined) process.kill(-child.pid, signal);
  await ended;
  return interrupts;
}

/** What `npm run up` does before it calls pulumi. */
export async function recover(stack: ScratchStack): Promise<void> {
  const backend = backendOf(stack);
  releaseDeadLocks(backend);
  await endOrphans(stack.directory);
  await awaitStopping(stack.name);
  const place = { stack: stack.name, directory: stack.directory, backend };
  await removeUnnoted(place, { ...process.env, ...stack.environment });
}

/** Processes that work for a stack: with its state backend, or on its files. */
export function processesOf(stack: ScratchStack): string[] {
  const backend = `PULUMI_BACKEND_URL=${stack.environment["PULUMI_BACKEND_URL"]}`;
  const output = `${outputOf(stack)}/`;
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .filter(
      (pid) =>
        readText(`/proc/${pid}/environ`).split("\0").includes(backend) ||
        readText(`/proc/${pid}/cmdline`).includes(output),
    )
    .map((pid) => `${pid} ${readText(`/proc/${pid}/cmdline`).replaceAll("\0", " ")}`);
}

/** Locks of a stack in its backend. */
const locksOf = (stack: ScratchStack): string[] =>
  globSync(".pulumi/locks/**/*.json", { cwd: backendOf(stack) });

/** Fails unless nothing works for the stack any more and nothing is locked: what holds after every update, ended well or not. */
export async function expectQuiet(stack: ScratchStack): Promise<void> {
  // What ends a step's program with it takes a moment.
  await eventually(
    `no process of ${stack.name}`,
    20,
    () => Promise.resolve(processesOf(stack)),
    (seen) => seen.length === 0,
  );
  assert.deepEqual(stepsOf(outputOf(stack)), []);
  assert.deepEqual(locksOf(stack), []);
}

/**
 * Fails unless a stack that was destroyed has left nothing: no container, network, volume or image, no process, no lock,
 * and no file but logs.
 */
export async function expectNothingLeft(stack: ScratchStack): Promise<void> {
  await expectNoneInDocker(stack.name);
  await expectQuiet(stack);
  const output = outputOf(stack);
  if (!existsSync(output)) return;
  const files = globSync("**", { cwd: output, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(output.length + 1))
    .filter((file) => !/^logs\/.*\.log$/.test(file));
  assert.deepEqual(files, []);
}
