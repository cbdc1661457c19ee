import type { Attempt, Result, Table } from "./result.ts";

/** One series of a probe: its times and values; undefined where it was never seen. */
export function seriesOf(
  { samples }: Pick<Result, "samples">,
  probe: string,
  name: string,
): { seconds: number[]; values: (number | null)[] } | undefined {
  const table = samples[probe];
  const values = table?.series[name];
  return table && values && { seconds: table.seconds, values };
}

/** What was seen of a series between two times, without what was not available. */
export function valuesWithin(
  result: Pick<Result, "samples">,
  probe: string,
  name: string,
  from: number,
  to: number,
): number[] {
  const found = seriesOf(result, probe, name);
  return (found?.values ?? []).filter(
    (value, index): value is number =>
      value !== null && isWithin(found?.seconds[index] ?? Number.NaN, from, to),
  );
}

/** The value below which `percent` of the values lie, by nearest rank; null of none. */
export function percentile(values: readonly number[], percent: number): number | null {
  if (values.length === 0) return null;
  const sorted = values.toSorted((a, b) => a - b);
  const rank = Math.max(1, Math.ceil((percent / 100) * sorted.length));
  return sorted[rank - 1] ?? null;
}

export function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

export function most(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((a, b) => Math.max(a, b));
}

/** Names of the APIs that were asked. */
export function apisOf({ samples }: Pick<Result, "samples">): string[] {
  return Object.keys(samples)
    .filter((probe) => probe.startsWith("api."))
    .map((probe) => probe.slice("api.".length));
}

/** Something that is told about each step. */
export interface Metric {
  key: string;
  title: string;
  unit: string;
  /** Whether less of it is better; undefined where neither is. */
  lessIsBetter?: boolean;
}

export const METRICS: readonly Metric[] = [
  { key: "duration", title: "duration", unit: "s", lessIsBetter: true },
  { key: "computesUp", title: "computes up at the end", unit: "" },
  { key: "apiP50", title: "API latency, p50", unit: "ms", lessIsBetter: true },
  { key: "apiP95", title: "API latency, p95", unit: "ms", lessIsBetter: true },
  { key: "apiP99", title: "API latency, p99", unit: "ms", lessIsBetter: true },
  { key: "apiFailed", title: "API requests failed", unit: "", lessIsBetter: true },
  { key: "queries", title: "database queries", unit: "/s" },
  { key: "databaseConnections", title: "database connections, most", unit: "" },
  { key: "messages", title: "messages received", unit: "/s" },
  { key: "queueDepth", title: "queue depth, most", unit: "messages", lessIsBetter: true },
  {
    key: "controlPlaneMemory",
    title: "control plane's memory at the end",
    unit: "MiB",
    lessIsBetter: true,
  },
  {
    key: "computeMemory",
    title: "a compute's memory at the end, mean",
    unit: "MiB",
    lessIsBetter: true,
  },
  { key: "busyCores", title: "busy cores", unit: "", lessIsBetter: true },
];

export type StepMetrics = Record<string, number | null>;

/** What the samples say about a step; null is not available. */
export function stepMetrics(result: Result, attempt: Pick<Attempt, "from" | "to">): StepMetrics {
  const to = attempt.to ?? result.seconds;
  const inside = (probe: string, name: string): number[] =>
    valuesWithin(result, probe, name, attempt.from, to);
  const apis = apisOf(result);
  const latencies = apis.flatMap((api) => inside(`api.${api}`, "ms"));
  const failures = apis.flatMap((api) => inside(`api.${api}`, "failed"));
  const containers = result.samples["containers"];
  return {
    duration: to - attempt.from,
    computesUp: inside("services", "computes.up").at(-1) ?? null,
    apiP50: percentile(latencies, 50),
    apiP95: percentile(latencies, 95),
    apiP99: percentile(latencies, 99),
    apiFailed: failures.length === 0 ? null : failures.reduce((sum, each) => sum + each, 0),
    queries: mean(inside("database", "queriesPerSecond")),
    databaseConnections: most(inside("database", "connections")),
    messages: mean(inside("broker", "receivedPerSecond")),
    queueDepth: most(queueDepths(result, attempt.from, to)),
    controlPlaneMemory: sum(lastOf(containers, "memory.service.", attempt.from, to)),
    computeMemory: mean(lastOf(containers, "memory.compute.", attempt.from, to)),
    busyCores: mean(inside("machine", "busyCores")),
  };
}

export function isWithin(seconds: number, from: number, to: number): boolean {
  return seconds >= from && seconds < to;
}

function queueDepths({ samples }: Result, from: number, to: number): number[] {
  const { seconds = [], series = {} } = samples["broker"] ?? {};
  return seconds.flatMap((at, index) => {
    const ready = series["ready"]?.[index] ?? null;
    const unacknowledged = series["unacknowledged"]?.[index] ?? null;
    if (ready === null || unacknowledged === null || !isWithin(at, from, to)) return [];
    return [ready + unacknowledged];
  });
}

/** The values of all series whose names begin so, in the last row of the step that has any. */
function lastOf(table: Table | undefined, prefix: string, from: number, to: number): number[] {
  const rows = (table?.seconds ?? []).map((at, index) => ({ at, index }));
  for (const { index } of rows.filter(({ at }) => isWithin(at, from, to)).toReversed()) {
    const values = Object.entries(table?.series ?? {})
      .filter(([name]) => name.startsWith(prefix))
      .flatMap(([, column]) => column[index] ?? []);
    if (values.length > 0) return values;
  }
  return [];
}

function sum(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((total, value) => total + value, 0);
}

/** Numbers in a playbook's own result, by the way to them; lists and texts are left out. */
export function numbersIn(value: unknown, prefix = ""): Record<string, number> {
  if (typeof value === "number") return { [prefix]: value };
  if (typeof value !== "object" || value === null || Array.isArray(value)) return {};
  return Object.assign(
    {},
    ...Object.entries(value).map(([key, inner]) =>
      numbersIn(inner, prefix === "" ? key : `${prefix}.${key}`),
    ),
  ) as Record<string, number>;
}

/** The attempt at each step that counts: its last. */
export function lastAttempts({ attempts }: Pick<Result, "attempts">): Attempt[] {
  return [...new Map(attempts.map((attempt) => [attempt.id, attempt])).values()];
}

/** One step of two results beside each other. Missing: that result has no such step. */
export interface Difference {
  label: string;
  rows: { title: string; unit: string; values: (number | null)[]; lessIsBetter?: boolean }[];
}

/**
 * What two results have of each step. Steps belong together by their place; an experiment that was changed between the
 * two runs shows by its labels.
 */
export function differences(a: Result, b: Result): Difference[] {
  const [ofA, ofB] = [lastAttempts(a), lastAttempts(b)];
  return Array.from({ length: Math.max(ofA.length, ofB.length) }, (_, index) => {
    const pair = [ofA[index], ofB[index]] as const;
    const [metricsA, metricsB] = [metricsOf(a, pair[0]), metricsOf(b, pair[1])];
    const [numbersA, numbersB] = pair.map((attempt) => playbookNumbers(attempt));
    const names = [...new Set([...Object.keys(numbersA ?? {}), ...Object.keys(numbersB ?? {})])];
    const labels = [...new Set(pair.flatMap((attempt) => attempt?.label ?? []))];
    return {
      label: labels.join(" / "),
      rows: [
        ...METRICS.map(({ key, ...metric }) => ({
          ...metric,
          values: [metricsA[key] ?? null, metricsB[key] ?? null],
        })),
        ...names.map((name) => ({
          title: name,
          unit: "",
          values: [numbersA?.[name] ?? null, numbersB?.[name] ?? null],
        })),
      ].filter(({ values }) => values.some((value) => value !== null)),
    };
  });
}

function metricsOf(result: Result, attempt: Attempt | undefined): StepMetrics {
  return attempt ? stepMetrics(result, attempt) : {};
}

/** What a step's playbook counted, by the way to each number. */
export function playbookNumbers(attempt: Attempt | undefined): Record<string, number> {
  const { results } = Object(attempt?.playbookResult) as { results?: unknown };
  return numbersIn(results);
}
