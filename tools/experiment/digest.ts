import { memoryTrends, verdicts, type Trend, type Verdict } from "./expect.ts";
import type { Attempt, Result } from "./result.ts";
import { lastAttempts, playbookNumbers, stepMetrics, type StepMetrics } from "./summary.ts";

/** summary.json: what is worth keeping of a result when its samples are not. */
export interface Digest extends Pick<
  Result,
  "name" | "description" | "started" | "seconds" | "finished" | "machine" | "versions" | "settings"
> {
  steps: (Pick<Attempt, "label" | "outcome" | "parameters"> & {
    metrics: StepMetrics;
    /** What the playbook counted. */
    playbook?: Record<string, number>;
  })[];
  /** Where the experiment expects something: how that was met, and how memory went. */
  expected: Verdict[];
  memory: Trend[];
}

/** A few KiB that say how an experiment went. Pure. */
export function digestOf(result: Result): Digest {
  const { name, description, started, seconds, finished, machine, versions, settings } = result;
  return {
    ...{ name, description, started, seconds, finished, machine, versions, settings },
    steps: lastAttempts(result).map((attempt) => {
      const { label, outcome, parameters } = attempt;
      const metrics = rounded(stepMetrics(result, attempt));
      const counted = playbookNumbers(attempt);
      return {
        ...{ label, outcome, parameters, metrics },
        ...(Object.keys(counted).length > 0 && { playbook: counted }),
      };
    }),
    expected: verdicts(result).map((verdict) => ({
      ...verdict,
      measured: verdict.measured === null ? null : round(verdict.measured),
    })),
    memory: memoryTrends(result).map(({ name, first, last, perHour }) => ({
      name,
      ...{ first: round(first), last: round(last), perHour: round(perHour) },
    })),
  };
}

const rounded = (metrics: StepMetrics): StepMetrics =>
  Object.fromEntries(
    Object.entries(metrics).map(([key, value]) => [key, value === null ? null : round(value)]),
  );

const round = (value: number): number => Number(value.toFixed(3));
