import { readFileSync } from "node:fs";
import { loadavg } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { COMPUTE_PARENT_NAME } from "../../components/names.ts";
import type { Networking, Sharing } from "../../config/schema.ts";
import { ScratchStack } from "../scratch-stack.ts";
import { machine } from "./machine.ts";
import { cpuSecondsOf, nameOf, processes, pss, pssOf } from "./memory.ts";
import { merged, withMerging } from "./merging.ts";
import { writeResult } from "./result.ts";
import { APART, STACK } from "./stack.ts";

export interface DensityOptions {
  networking: Networking;
  sharings: readonly Sharing[];
  /** Numbers of computes, each more than the one before. */
  counts: readonly number[];
}

/** What was measured of one number of computes. */
interface Point {
  computes: number;
  /** How many were added, and seconds from the command until all were registered and up. */
  added: number;
  upSeconds: number;
  /** Seconds of an `up` that changes nothing. */
  unchangedSeconds: number;
  /** Proportional set size per compute: its own processes and its share of the parent. */
  mibPerCompute: number;
  /** The same by process. */
  mibByProcess: Record<string, number>;
  controlPlaneMib: number;
  /** What the machine has left, and its load when the measurement began. */
  availableMib: number;
  loadBefore: number;
  /** Share of one core that all computes use together, and the control plane, when nothing is asked of them. */
  idleCores: number;
  controlPlaneIdleCores: number;
}

/** Seconds that CPU use is watched for. */
const IDLE_SECONDS = 30;

/** Deploys a stack with each way of sharing and grows it step by step. Writes a result file for each of them. */
export async function benchDensity({
  networking,
  sharings,
  counts,
}: DensityOptions): Promise<void> {
  for (const sharing of sharings) {
    const date = new Date().toISOString();
    const points: Point[] = [];
    const measureAll = () =>
      measure(networking, sharing, counts, (point) => {
        points.push(point);
        console.log(`bench: ${networking}, ${sharing}:`, point);
        // After each, so that a machine that takes no more leaves what it took.
        const report = { date, machine: machine(), networking, sharing, points };
        writeResult(`density-${networking}-${sharing}`, report);
      });
    if (sharing === "merged") await withMerging(measureAll);
    else await measureAll();
  }
}

async function measure(
  networking: Networking,
  sharing: Sharing,
  counts: readonly number[],
  tell: (point: Point) => void,
): Promise<void> {
  const stack = new ScratchStack(STACK);
  try {
    await stack.create({
      computes: 0,
      networking,
      "compute.sharing": sharing,
      scaleDown: "delete",
      ...APART,
    });
    await stack.up();
    let before = 0;
    for (const computes of counts) {
      tell(await grow(stack, sharing, before, computes));
      before = computes;
    }
    await stack.destroy();
  } finally {
    await stack.remove();
  }
}

async function grow(
  stack: ScratchStack,
  sharing: Sharing,
  before: number,
  computes: number,
): Promise<Point> {
  const loadBefore = round(loadavg()[0] ?? 0);
  await stack.configure({ computes });
  const upSeconds = await seconds(() => stack.up());
  const unchangedSeconds = await seconds(() => stack.up());
  if (sharing === "merged") await merged();
  const own = [...(await processes(STACK, "simulated-compute")).values()].flat();
  const parent = [...(await processes(STACK, COMPUTE_PARENT_NAME)).values()].flat();
  const control = [...(await processes(STACK, "control-plane")).values()].flat();
  const mibByProcess = memoryBy(own, parent, computes);
  const idle = await coresOf([own, control]);
  return {
    computes,
    added: computes - before,
    upSeconds,
    unchangedSeconds,
    mibPerCompute: round(Object.values(mibByProcess).reduce((sum, mib) => sum + mib, 0)),
    mibByProcess,
    controlPlaneMib: await pss(STACK, "control-plane"),
    availableMib: availableMib(),
    loadBefore,
    idleCores: idle[0] ?? Number.NaN,
    controlPlaneIdleCores: idle[1] ?? Number.NaN,
  };
}

/** MiB per compute by process; what they are forked from is a row of its own. */
function memoryBy(own: string[], parent: string[], computes: number): Record<string, number> {
  const kibibytes = new Map<string, number>();
  const add = (name: string, pid: string) =>
    kibibytes.set(name, (kibibytes.get(name) ?? 0) + pssOf(pid));
  for (const pid of own) add(nameOf(pid), pid);
  for (const pid of parent) add("share of the parent", pid);
  return Object.fromEntries(
    [...kibibytes]
      .sort(([, one], [, other]) => other - one)
      .map(([name, sum]) => [name, round(sum / 1024 / computes)]),
  );
}

/** Cores that groups of processes use for a while. */
async function coresOf(groups: string[][]): Promise<number[]> {
  const used = () => groups.map((pids) => pids.reduce((sum, pid) => sum + cpuSecondsOf(pid), 0));
  const begin = used();
  const start = performance.now();
  await sleep(IDLE_SECONDS * 1000);
  const passed = (performance.now() - start) / 1000;
  return used().map((end, position) => round((end - (begin[position] ?? 0)) / passed));
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return round((performance.now() - start) / 1000);
}

function availableMib(): number {
  const kibibytes = /^MemAvailable:\s+(\d+)/m.exec(readFileSync("/proc/meminfo", "utf8"))?.[1];
  return Math.round(Number(kibibytes) / 1024);
}

/** Two digits after the point. */
function round(value: number): number {
  return Math.round(value * 100) / 100;
}
