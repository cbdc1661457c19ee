import { loadavg } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { auditSeconds } from "../../components/compute/intervals.ts";
import { COMPUTE_PARENT_NAME } from "../../components/names.ts";
import { PROJECT_DIRECTORY } from "../../components/project.ts";
import { COMPUTE_MEMORY_MB } from "../../config/rules.ts";
import { REPORT_INTERVAL_SECONDS, type Networking, type Sharing } from "../../config/schema.ts";
import { ScratchStack } from "../scratch-stack.ts";
import { watchIdle, type Idle } from "./idle.ts";
import { limitsFor, withKernel, type KernelValues } from "./kernel.ts";
import { machine } from "./machine.ts";
import { availableMib, cpuSecondsOf, nameOf, processes, pss, pssOf } from "./memory.ts";
import { merged, mergingAlong, MERGING } from "./merging.ts";
import { readResult, writeResult } from "./result.ts";
import { bootServers, deleteServers } from "./servers.ts";
import { APART, STACK } from "./stack.ts";

export interface DensityOptions {
  networking: Networking;
  sharings: readonly Sharing[];
  /** Numbers of computes, each more than the one before. */
  counts: readonly number[];
  /**
   * The one of these numbers at which, with the last way of sharing, as many servers are booted, and {@link STEP} computes are
   * added and removed. Default: none.
   */
  busy?: number;
  /** Minutes that the last number of the last way of sharing is left alone and looked at. Default: not at all. */
  idleMinutes?: number;
  /** `compute.transportZoneSize` of the stack. */
  transportZoneSize?: number;
  /** `compute.reportIntervalSeconds` of the stack, whose `downTimeSeconds` is {@link DOWN_AFTER} of them then. Default: the stack's own. */
  reportIntervalSeconds?: number;
}

/** What was measured of one number of computes. */
export interface Point {
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
  busy?: Busy;
  idle?: Idle;
}

/** What was measured of a number of computes at work. */
interface Busy {
  servers: number;
  /** Seconds until all servers were ACTIVE or in ERROR, and how many were in ERROR. */
  serversSeconds: number;
  serversFailed: number;
  /** Seconds of the `up` that adds computes, and of the one that takes them away again, each of a cloud at rest. */
  step: number;
  addSeconds: number;
  removeSeconds: number;
}

/** One way of sharing, by the number of computes. */
export interface Run {
  sharing: Sharing;
  /** When it began. */
  date: string;
  machine: Record<string, string | number>;
  /** Limits of the kernel that were raised meanwhile, as `pulumi up` says that they should be. */
  raised?: KernelValues;
  points: Point[];
  /** Why there are no more points; absent where all were measured. */
  stopped?: string;
}

export interface DensityReport {
  date: string;
  networking: Networking;
  transportZoneSize?: number;
  reportIntervalSeconds?: number;
  /** Each way of sharing that was measured on that day, as it was measured last. */
  runs: Run[];
}

/** Seconds that a cloud gets to come to rest. */
const SETTLE_SECONDS = 60;

/** Computes that are added to a number that runs, and removed from it. */
const STEP = 10;

/** Reports that may be missing before a compute counts as down, where their interval is given. */
const DOWN_AFTER = 4;

/** Minutes that one `up` may take: hundreds of computes are added by one. */
const CALL_MINUTES = 60;

/** Memory that is left to the machine, in MiB: what would not fit beside it is not started. */
const LEFT_MIB = 3072;

/**
 * Deploys a stack with each way of sharing and grows it step by step, and writes one result file. It ends a way of sharing at the
 * number of computes that the machine's memory does not take. What the day's file has of other ways stays.
 */
export async function benchDensity(options: DensityOptions): Promise<void> {
  const { networking, sharings, transportZoneSize, reportIntervalSeconds } = options;
  const kind = ["density", networking, ...variantOf(options)].join("-").replaceAll(" ", "-");
  const date = new Date().toISOString();
  const known = readResult<DensityReport>(kind, date);
  const report: DensityReport = {
    date,
    networking,
    ...(transportZoneSize !== undefined && { transportZoneSize }),
    ...(reportIntervalSeconds !== undefined && { reportIntervalSeconds }),
    runs: known?.runs ?? [],
  };
  for (const sharing of sharings) {
    const raised = limitsFor(Math.max(...options.counts) + STEP);
    const started = new Date().toISOString();
    const run: Run = { sharing, date: started, machine: machine(), raised, points: [] };
    report.runs = [...report.runs.filter((other) => other.sharing !== sharing), run];
    // After each point, so that a machine that takes no more leaves what it took.
    const tell = () => writeResult(kind, report);
    await withKernel({ ...raised, ...(sharing === "merged" && MERGING) }, () =>
      measure(options, run, sharing === sharings.at(-1), tell),
    );
  }
}

/** How a result is told from others of its networking: by the settings that it was measured with. */
export function variantOf({
  transportZoneSize: size,
  reportIntervalSeconds: seconds,
}: Pick<DensityOptions, "transportZoneSize" | "reportIntervalSeconds">): string[] {
  return [
    ...(size === undefined ? [] : [`zones of ${size}`]),
    ...(seconds === undefined ? [] : [`every ${seconds} s`]),
  ];
}

async function measure(
  options: DensityOptions,
  run: Run,
  last: boolean,
  tell: () => void,
): Promise<void> {
  const { networking, counts, busy, idleMinutes, transportZoneSize, reportIntervalSeconds } =
    options;
  const stack = new ScratchStack(STACK, PROJECT_DIRECTORY, CALL_MINUTES);
  try {
    await stack.create({
      computes: 0,
      networking,
      "compute.sharing": run.sharing,
      scaleDown: "delete",
      ...(transportZoneSize !== undefined && { "compute.transportZoneSize": transportZoneSize }),
      ...(reportIntervalSeconds !== undefined && {
        "compute.reportIntervalSeconds": reportIntervalSeconds,
        "compute.downTimeSeconds": DOWN_AFTER * reportIntervalSeconds,
      }),
      ...APART,
    });
    await stack.up();
    for (const computes of counts) {
      const before = run.points.at(-1);
      const needed = (before?.mibPerCompute ?? 0) * (computes - (before?.computes ?? 0));
      if (availableMib() - needed < LEFT_MIB) {
        run.stopped = `${computes} computes would take about ${Math.round(needed)} MiB more, ${availableMib()} are left`;
        break;
      }
      const point = await grow(stack, run, computes, options);
      run.points.push(point);
      tell();
      if (last && computes === busy) point.busy = await work(stack, computes);
      if (last && computes === counts.at(-1) && idleMinutes !== undefined) {
        point.idle = await watchIdle(stack, idleMinutes);
      }
      console.log(`bench: ${networking}, ${run.sharing}:`, point);
      tell();
    }
    await stack.destroy();
  } catch (error) {
    run.stopped = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
    throw error;
  } finally {
    tell();
    await stack.remove();
  }
}

/** Puts work on so many computes, then adds some and takes them away again. */
async function work(stack: ScratchStack, computes: number): Promise<Busy> {
  let serversFailed = 0;
  const serversSeconds = await seconds(async () => {
    serversFailed = await bootServers(stack, computes);
  });
  await deleteServers(stack);
  await sleep(SETTLE_SECONDS * 1000);
  await stack.configure({ computes: computes + STEP });
  const addSeconds = await seconds(() => stack.up());
  await sleep(SETTLE_SECONDS * 1000);
  await stack.configure({ computes });
  const removeSeconds = await seconds(() => stack.up());
  return {
    servers: computes,
    serversSeconds,
    serversFailed,
    step: STEP,
    addSeconds,
    removeSeconds,
  };
}

async function grow(
  stack: ScratchStack,
  { sharing, points }: Run,
  computes: number,
  { networking, reportIntervalSeconds = REPORT_INTERVAL_SECONDS }: DensityOptions,
): Promise<Point> {
  const loadBefore = round(loadavg()[0] ?? 0);
  await stack.configure({ computes });
  const added = computes - (points.at(-1)?.computes ?? 0);
  const up = () => stack.up();
  // It takes CPU from the start, so not where what is added would fit unmerged.
  const isShort = availableMib() - added * COMPUTE_MEMORY_MB[networking].forked < LEFT_MIB;
  const upSeconds = await seconds(sharing === "merged" && isShort ? () => mergingAlong(up) : up);
  await sleep(SETTLE_SECONDS * 1000);
  if (sharing === "merged") await merged();
  const own = [...(await processes(STACK, "simulated-compute")).values()].flat();
  const parent = [...(await processes(STACK, COMPUTE_PARENT_NAME)).values()].flat();
  const control = [...(await processes(STACK, "control-plane")).values()].flat();
  const mibByProcess = memoryBy(own, parent, computes);
  // Computes that started together look through their resources together: not before all have done so is it an average.
  const idle = await coresOf([own, control], auditSeconds(reportIntervalSeconds));
  const unchangedSeconds = await seconds(up);
  return {
    computes,
    added,
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

/** Cores that groups of processes use, on average of so many seconds. */
async function coresOf(groups: string[][], during: number): Promise<number[]> {
  const used = () => groups.map((pids) => pids.reduce((sum, pid) => sum + cpuSecondsOf(pid), 0));
  const begin = used();
  const start = performance.now();
  await sleep(during * 1000);
  const passed = (performance.now() - start) / 1000;
  return used().map((end, position) => round((end - (begin[position] ?? 0)) / passed));
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return round((performance.now() - start) / 1000);
}

/** Two digits after the point. */
function round(value: number): number {
  return Math.round(value * 100) / 100;
}
