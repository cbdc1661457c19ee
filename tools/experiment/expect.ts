import { linearRegression } from "simple-statistics";
import { z } from "zod";
import { integer } from "../../config/fields.ts";
import type { Attempt, Result } from "./result.ts";
import { apisOf, isWithin, seriesOf, valuesWithin } from "./summary.ts";

const growth = z
  .number({ error: "must be a number of MiB in an hour, 0 to 100000" })
  .refine((value) => value >= 0 && value <= 100_000, {
    error: "must be a number of MiB in an hour, 0 to 100000",
  });

/** What an experiment's samples must not go beyond; each is optional. */
export const expectSchema = z.strictObject({
  /** Name of the steps that count, as the file gives it: where they are repeated, all of them. */
  steps: z.string({ error: "must be the name of a step" }).min(1, { error: "must not be empty" }),
  /** MiB by which the memory of any one service may grow in an hour. */
  serviceMemoryPerHour: growth.optional(),
  /** MiB by which the memory of any one compute may grow in an hour. */
  computeMemoryPerHour: growth.optional(),
  /** Requests to the APIs, of those that sampling makes, that may fail from the first of these steps to the end of the last. */
  failedApiRequests: integer(0, 1_000_000).optional(),
  /** Computes that may be registered and not up, in any sample from the first of these steps to the end of the last. */
  computesDown: integer(0, 1_000_000).optional(),
});
export type Expect = z.output<typeof expectSchema>;

/** How one expectation was met. */
export interface Verdict {
  title: string;
  unit: string;
  limit: number;
  /** Null: nothing was seen of it, which does not meet it. */
  measured: number | null;
  met: boolean;
  /** Which of several it was. */
  worst?: string;
}

/** How a container's memory went over the steps that count. */
export interface Trend {
  /** "service.mariadb", "compute.compute-0" */
  name: string;
  /** MiB in the first and in the last sample. */
  first: number;
  last: number;
  /** MiB in an hour, by least squares over all samples. */
  perHour: number;
}

/** Samples below which a slope says nothing, and the share of the time that they must lie apart. */
const FEWEST_SAMPLES = 10;
const LEAST_SHARE = 0.5;

/** Holds what was measured against what the experiment expects. Pure. */
export function verdicts(result: Result): Verdict[] {
  const { expect } = result;
  if (!expect) return [];
  const [from, to] = spanOf(attemptsOf(result, expect.steps), result.seconds);
  const trends = memoryTrends(result);
  const limits: [number | undefined, Omit<Verdict, "limit" | "met">][] = [
    [expect.serviceMemoryPerHour, { title: "memory of a service", ...growthOf(trends, "service") }],
    [expect.computeMemoryPerHour, { title: "memory of a compute", ...growthOf(trends, "compute") }],
    [
      expect.failedApiRequests,
      { title: "API requests failed", unit: "", measured: failuresIn(result, from, to) },
    ],
    [expect.computesDown, { title: "computes down", unit: "", measured: downIn(result, from, to) }],
  ];
  return limits.flatMap(([limit, verdict]) =>
    limit === undefined
      ? []
      : [{ ...verdict, limit, met: verdict.measured !== null && verdict.measured <= limit }],
  );
}

/** One line about an expectation. */
export function sentence({ title, unit, limit, measured, met, worst }: Verdict): string {
  const seen =
    measured === null
      ? "not seen often enough to say"
      : `${Number(measured.toFixed(1))}${unit}${worst === undefined ? "" : ` (${worst})`}`;
  return `${met ? "as expected" : "NOT as expected"}: ${title} ${seen}, at most ${limit}${unit}`;
}

/** How the memory of each service and compute went over the steps that count; not of those that were there for less than half. */
export function memoryTrends(result: Result): Trend[] {
  if (!result.expect) return [];
  const attempts = attemptsOf(result, result.expect.steps);
  const [from, to] = spanOf(attempts, result.seconds);
  const least = (to - from) * LEAST_SHARE;
  const series = Object.keys(result.samples["containers"]?.series ?? {});
  return series
    .filter((name) => name.startsWith("memory."))
    .flatMap((name): Trend[] => {
      const found = seriesOf(result, "containers", name);
      const points = (found?.seconds ?? []).flatMap((at, index): [number, number][] => {
        const value = found?.values[index] ?? null;
        const counts = attempts.some(({ from, to }) => isWithin(at, from, to ?? result.seconds));
        return value === null || !counts ? [] : [[at / 3600, value]];
      });
      const [first, last] = [points[0], points.at(-1)];
      if (!first || !last || points.length < FEWEST_SAMPLES) return [];
      if ((last[0] - first[0]) * 3600 < least) return [];
      const { m: perHour } = linearRegression(points);
      return [{ name: name.slice("memory.".length), first: first[1], last: last[1], perHour }];
    });
}

/** The attempts at the steps of a name, whatever repetition they are of. */
function attemptsOf({ attempts }: Result, name: string): Attempt[] {
  return attempts.filter(({ label }) => isOf(name, label));
}

/** Whether a step that is called so is one of the name, or a repetition of one. */
export function isOf(name: string, label: string): boolean {
  return label === name || label.startsWith(`${name} (`);
}

function spanOf(attempts: readonly Attempt[], end: number): [number, number] {
  const starts = attempts.map(({ from }) => from);
  return [Math.min(...starts), Math.max(...attempts.map(({ to }) => to ?? end))];
}

function growthOf(
  trends: readonly Trend[],
  kind: string,
): Pick<Verdict, "unit" | "measured" | "worst"> {
  const unit = " MiB/h";
  const [worst] = trends
    .filter(({ name }) => name.startsWith(`${kind}.`))
    .toSorted((a, b) => b.perHour - a.perHour);
  return worst
    ? { unit, measured: worst.perHour, worst: worst.name.slice(kind.length + 1) }
    : { unit, measured: null };
}

/** Null: no API was asked in that time. */
function failuresIn(result: Result, from: number, to: number): number | null {
  const failures = apisOf(result).flatMap((api) =>
    valuesWithin(result, `api.${api}`, "failed", from, to),
  );
  return failures.length === 0 ? null : failures.reduce((sum, value) => sum + value, 0);
}

/** Null: nova's services were never seen in that time. */
function downIn({ samples }: Result, from: number, to: number): number | null {
  const { seconds = [], series = {} } = samples["services"] ?? {};
  const down = seconds.flatMap((at, index) => {
    const registered = series["computes.registered"]?.[index] ?? null;
    const up = series["computes.up"]?.[index] ?? null;
    return registered === null || up === null || !isWithin(at, from, to) ? [] : [registered - up];
  });
  return down.length === 0 ? null : Math.max(...down);
}
