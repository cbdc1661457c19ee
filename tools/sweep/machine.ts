import { existsSync, globSync, readFileSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { hostname } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { bmcFiles, processesOf } from "../../components/bmc/daemon.ts";
import { readText } from "../setup/host.ts";
import type { Finding } from "./findings.ts";

/** Seconds that a process gets to end by itself; a step ends its program's group within five. */
const GRACE_SECONDS = 8;

/** Processes that a stack's output folder belongs to: the daemon of its BMCs with its children, and steps. */
export function findProcesses(output: string): Finding[] {
  const bmcs = processesOf(bmcFiles(path.join(output, "bmc")));
  return [
    ...bmcs.map((pid): Finding => process_(pid, "virtual BMC")),
    ...stepsOf(output).map(({ pid, name }): Finding => process_(pid, `step ${name}`)),
  ];
}

function process_(pid: number, detail: string): Finding {
  return { kind: "process", name: String(pid), detail, remove: () => end(pid) };
}

/**
 * Plugins that a killed pulumi left behind in a project's folder: their engine is gone. Some look for it every five minutes
 * and end then, others never do; until that, they go on with what they were at.
 */
export async function findOrphans(directory: string): Promise<Finding[]> {
  const found = await Promise.all(
    pids().map(async (pid) => {
      if (!readText(`/proc/${pid}/comm`).startsWith("pulumi-")) return [];
      if (folderOf(pid) !== directory) return [];
      const argv = readText(`/proc/${pid}/cmdline`).split("\0");
      const port = argv.map((word) => /^127\.0\.0\.1:(\d+)$/.exec(word)?.[1]).find(Boolean);
      if (port === undefined || (await listens(Number(port)))) return [];
      return [process_(pid, `${path.basename(argv[0] ?? "")} of a pulumi that was killed`)];
    }),
  );
  return found.flat();
}

/** The folder that a process runs in; undefined for what is gone or somebody else's. */
function folderOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return undefined;
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

/** Steps that run for a stack, by the folder that their specification names. */
export function stepsOf(output: string): { pid: number; name: string }[] {
  return pids().flatMap((pid) => {
    const argv = readText(`/proc/${pid}/cmdline`).split("\0");
    const runs = argv.findIndex((word) => word.endsWith("components/step/run.ts"));
    if (runs < 0) return [];
    try {
      const { directory, name } = JSON.parse(argv[runs + 1] ?? "") as Record<string, unknown>;
      if (typeof name !== "string" || typeof directory !== "string") return [];
      return directory.startsWith(`${output}/`) ? [{ pid, name }] : [];
    } catch {
      return [];
    }
  });
}

/** What Pulumi's file backend writes into a lock. */
export interface BackendLock {
  file: string;
  stack: string;
  pid: number | undefined;
  hostname: string | undefined;
  /** Whether it is nobody's: its process ran on this machine, and runs no more. */
  stale: boolean;
}

/** Locks in a state backend that is a folder. */
export function locksIn(backend: string): BackendLock[] {
  return globSync(".pulumi/locks/**/*.json", { cwd: backend }).map((name) => {
    const file = path.join(backend, name);
    const { pid, hostname: host } = parseLock(readText(file));
    const stale = pid !== undefined && host === hostname() && !isPulumi(pid);
    return { file, stack: path.basename(path.dirname(name)), pid, hostname: host, stale };
  });
}

/** Who works on a stack, as its lock says; undefined where nobody does. */
export function holderOf(backend: string, stack: string): string | undefined {
  const lock = locksIn(backend).find((each) => each.stack === stack && !each.stale);
  return lock && `pid ${lock.pid ?? "unknown"} on ${lock.hostname ?? "an unknown machine"}`;
}

/** Locks that dead processes left on a stack in the backend. */
export function findLocks(backend: string, stack: string): Finding[] {
  return locksIn(backend)
    .filter((lock) => lock.stale && lock.stack === stack)
    .map(({ file, pid }): Finding => ({
      ...{ kind: "lock", name: file, detail: `of pulumi (pid ${pid}), which runs no more` },
      remove: () => Promise.resolve(removeLock(file)),
    }));
}

export function removeLock(file: string): void {
  for (const part of [file, `${file}.attrs`]) rmSync(part, { force: true });
}

/** The folder of what the stack wrote for its user: access files, logs, locks of steps. */
export function findFolder(output: string): Finding[] {
  if (!existsSync(output)) return [];
  const files = readdirSync(output, { recursive: true, withFileTypes: true });
  const count = files.filter((entry) => !entry.isDirectory()).length;
  return [
    {
      ...{ kind: "folder", name: output, detail: `${count} files` },
      remove: () => Promise.resolve(rmSync(output, { recursive: true, force: true })),
    },
  ];
}

function isPulumi(pid: number): boolean {
  return readText(`/proc/${pid}/comm`).startsWith("pulumi");
}

function parseLock(text: string): { pid?: number; hostname?: string } {
  try {
    return JSON.parse(text) as { pid?: number; hostname?: string };
  } catch {
    return {};
  }
}

function pids(): number[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => pid !== process.pid);
}

async function end(pid: number): Promise<void> {
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ESRCH") return;
      throw error;
    }
    const end = Date.now() + GRACE_SECONDS * 1000;
    while (Date.now() < end) {
      if (!runs(pid)) return;
      await sleep(100);
    }
  }
  throw new Error(`process ${pid} does not end`);
}

/** Whether it is there and no zombie. */
function runs(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8") !== "";
  } catch {
    return false;
  }
}
