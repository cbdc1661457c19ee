import type { Result } from "../result.ts";
import { apisOf, mean, most, percentile, seriesOf } from "../summary.ts";

/** [seconds, value]; null makes a gap: not available is never drawn as zero. */
export type Point = [number, number | null];

export interface Line {
  name: string;
  points: Point[];
  /** Default "line"; bars for what is counted per interval. */
  type?: "line" | "bar";
  /** Which of the results it belongs to. */
  result: number;
  /** Whether it lies broad and pale below a line that is mostly the same. */
  broad?: boolean;
  /** Place in the palette: the same for the same thing of two results. */
  color: number;
}

export interface Chart {
  id: string;
  title: string;
  /** The axis's name. */
  unit: string;
  /** What the reader must know about it. */
  note?: string;
  lines: Line[];
  /** Why there are none. */
  missing?: string;
}

/** From this many computes on, not each has its own line. */
const MANY_COMPUTES = 12;

/** Intervals that percentiles are taken over, at most so many in a chart. */
const MAX_BUCKETS = 120;
const MIN_BUCKET_SECONDS = 10;

type Draw = (result: Result) => { name: string; points: Point[]; type?: "bar" }[];

/** Every chart of a report, for one result or for two of them together. Pure. */
export function chartsOf(results: readonly Result[]): Chart[] {
  const chart = (
    id: string,
    title: string,
    unit: string,
    probe: string,
    draw: Draw,
    note?: string,
  ): Chart => {
    const names: string[] = [];
    const lines = results.flatMap((result, index) =>
      draw(result)
        .filter(({ points }) => points.some(([, value]) => value !== null))
        .map(({ name, points, type }): Line => {
          if (!names.includes(name)) names.push(name);
          return {
            name: results.length > 1 ? `${letterOf(index)} ${name}` : name,
            points: withGaps(points, result),
            ...(type && { type }),
            ...(name === "registered" && { broad: true }),
            result: index,
            color: names.indexOf(name),
          };
        }),
    );
    const why = results.flatMap(({ notAvailable }) => notAvailable[probe] ?? []);
    const missing = `not available${why.length > 0 ? `: ${[...new Set(why)].join("; ")}` : ""}`;
    return {
      ...{ id, title, unit, lines },
      ...(note !== undefined && { note }),
      ...(lines.length === 0 && { missing }),
    };
  };
  const plain =
    (probe: string, names: Record<string, string>): Draw =>
    (result) =>
      Object.entries(names).map(([series, name]) => ({
        name,
        points: pointsOf(result, probe, series),
      }));
  const bucket = Math.max(...results.map(bucketSeconds));
  return [
    chart(
      "computes",
      "Computes",
      "computes",
      "services",
      plain("services", { "computes.registered": "registered", "computes.up": "up" }),
      "As nova lists its services. One that stops counts as up until nova has missed it for compute.downTimeSeconds.",
    ),
    chart("services", "Nova's other services that are up", "services", "services", (result) =>
      Object.keys(result.samples["services"]?.series ?? {})
        .filter((name) => !name.startsWith("computes."))
        .map((name) => ({ name, points: pointsOf(result, "services", name) })),
    ),
    chart(
      "api-percentiles",
      "API latency, percentiles of all APIs",
      "ms",
      "api.keystone",
      (result) => [
        ...[50, 95, 99].map((percent) => ({
          name: `p${percent}`,
          points: buckets(result, apisOf(result), bucket, (values) => percentile(values, percent)),
        })),
      ],
      `One cheap request to each API every ${results[0]?.intervalSeconds ?? 2} s; percentiles of ${bucket} s each.`,
    ),
    chart("api-median", "API latency, median of each API", "ms", "api.keystone", (result) =>
      apisOf(result).map((api) => ({
        name: api,
        points: buckets(result, [api], bucket, (values) => percentile(values, 50)),
      })),
    ),
    chart(
      "api-failed",
      "API requests that failed",
      "requests",
      "api.keystone",
      (result) =>
        apisOf(result).map((api) => ({
          name: api,
          type: "bar" as const,
          points: failures(result, api, bucket),
        })),
      `Refused, answered with an error, or without an answer in 10 s; counts of ${bucket} s each.`,
    ),
    chart(
      "database-queries",
      "Database queries",
      "queries/s",
      "database",
      plain("database", { queriesPerSecond: "queries", slowQueriesPerSecond: "slow queries" }),
    ),
    chart(
      "database-connections",
      "Database connections",
      "connections",
      "database",
      plain("database", { connections: "connections", threadsRunning: "running a query" }),
    ),
    chart(
      "messages",
      "Messages",
      "messages/s",
      "broker",
      plain("broker", { receivedPerSecond: "received", deliveredPerSecond: "delivered" }),
    ),
    chart(
      "queue-depth",
      "Queue depth",
      "messages",
      "broker",
      plain("broker", { ready: "ready", unacknowledged: "delivered, not acknowledged" }),
      "Of all queues together.",
    ),
    chart(
      "broker-connections",
      "Queues and connections of the message bus",
      "number",
      "broker",
      plain("broker", { queues: "queues", connections: "connections" }),
    ),
    chart(
      "memory-service",
      "Memory by service",
      "MiB",
      "containers",
      (result) => ofContainers(result, "memory.service."),
      "Memory that the processes have for themselves; pages of files, which containers share, are not among it.",
    ),
    chart("memory-compute", "Memory per compute", "MiB", "containers", (result) =>
      ofComputes(result, "memory.compute."),
    ),
    chart("cpu-service", "CPU by service", "cores", "containers", (result) =>
      ofContainers(result, "cpu.service."),
    ),
    chart("cpu-compute", "CPU per compute", "cores", "containers", (result) =>
      ofComputes(result, "cpu.compute."),
    ),
    chart(
      "machine-load",
      "Load of the machine",
      "processes, cores",
      "machine",
      plain("machine", { load: "load (1 min)", busyCores: "busy cores" }),
    ),
    chart(
      "machine-memory",
      "Memory of the machine in use",
      "MiB",
      "machine",
      plain("machine", { memoryUsed: "in use" }),
    ),
  ];
}

/** What two results are called in one report. */
export function letterOf(index: number): string {
  return "AB"[index] ?? String(index + 1);
}

function pointsOf(result: Result, probe: string, series: string): Point[] {
  const found = seriesOf(result, probe, series);
  return (found?.values ?? []).map((value, index) => [found?.seconds[index] ?? Number.NaN, value]);
}

function ofContainers(result: Result, prefix: string): { name: string; points: Point[] }[] {
  return Object.keys(result.samples["containers"]?.series ?? {})
    .filter((name) => name.startsWith(prefix))
    .map((name) => ({
      name: name.slice(prefix.length),
      points: pointsOf(result, "containers", name),
    }));
}

/** Each compute's line, or of many of them the least, the mean and the most. */
function ofComputes(result: Result, prefix: string): { name: string; points: Point[] }[] {
  const each = ofContainers(result, prefix).sort((a, b) =>
    a.name.localeCompare(b.name, "en", { numeric: true }),
  );
  if (each.length <= MANY_COMPUTES) return each;
  const over = (take: (values: number[]) => number | null): Point[] =>
    (result.samples["containers"]?.seconds ?? []).map((at, index) => [
      at,
      take(each.flatMap(({ points }) => points[index]?.[1] ?? [])),
    ]);
  return [
    { name: "least", points: over((values) => (values.length ? Math.min(...values) : null)) },
    { name: "mean", points: over(mean) },
    { name: "most", points: over(most) },
  ];
}

function bucketSeconds(result: Result): number {
  const enough = Math.ceil(result.seconds / MAX_BUCKETS / 5) * 5;
  return Math.max(MIN_BUCKET_SECONDS, 5 * result.intervalSeconds, enough);
}

/** Something about all values within each stretch of time, at its middle. */
function buckets(
  result: Result,
  apis: readonly string[],
  width: number,
  take: (values: number[]) => number | null,
): Point[] {
  const count = Math.ceil(result.seconds / width);
  const values = Array.from({ length: count }, (): number[] => []);
  for (const [at, value] of apis.flatMap((api) => pointsOf(result, `api.${api}`, "ms"))) {
    if (value !== null) values[Math.floor(at / width)]?.push(value);
  }
  return values.map((each, index) => [(index + 0.5) * width, take(each)]);
}

function failures(result: Result, api: string, width: number): Point[] {
  const count = Math.ceil(result.seconds / width);
  const sums: (number | null)[] = Array.from({ length: count }, () => null);
  for (const [at, value] of pointsOf(result, `api.${api}`, "failed")) {
    const index = Math.floor(at / width);
    if (value !== null && index < count) sums[index] = (sums[index] ?? 0) + value;
  }
  return sums.map((sum, index) => [(index + 0.5) * width, sum]);
}

/** Nothing is known of the time between an interruption and going on. */
function withGaps(points: Point[], { resumed }: Result): Point[] {
  const gaps = resumed.map((at): Point => [at, null]);
  return gaps.length === 0 ? points : [...points, ...gaps].sort(([a], [b]) => a - b);
}
