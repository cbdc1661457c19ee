import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { expectSchema } from "./expect.ts";

/** One attempt at a step. A step that was interrupted has several. */
const attemptSchema = z.object({
  id: z.string(),
  label: z.string(),
  kind: z.enum(["update", "playbook", "wait"]),
  /** What the step was asked to do. */
  parameters: z.record(z.string(), z.unknown()),
  outcome: z.enum(["done", "failed", "timed out", "interrupted", "running"]),
  /** Seconds of the experiment's own time. */
  from: z.number(),
  to: z.number().nullable(),
  started: z.string(),
  ended: z.string().nullable(),
  /** Why it is not done. */
  message: z.string().optional(),
  /** Its log, relative to the result's folder. */
  log: z.string().optional(),
  /** The content of the playbook's own result file. */
  playbookResult: z.unknown().optional(),
});
export type Attempt = z.output<typeof attemptSchema>;

/** What sampling itself took. */
const costSchema = z.object({
  /** Seconds in which samples were taken. */
  seconds: z.number(),
  /** CPU seconds of the experiment's own process. */
  cpuSeconds: z.number(),
  /** CPU seconds of the clients kept open in containers, by service. */
  clientCpuSeconds: z.record(z.string(), z.number()),
  /** MiB of those clients; left out of the services' memory. */
  clientMemory: z.record(z.string(), z.number()),
  /** Statements that the database's client asked; left out of the queries. */
  databaseStatements: z.number(),
  /** Requests to the APIs. */
  apiRequests: z.number(),
});
export type Cost = z.output<typeof costSchema>;

/** How far an experiment is: enough to go on with it. */
export const stateSchema = z.object({
  format: z.literal(1),
  name: z.string(),
  description: z.string(),
  /** The file that was run; paths of playbooks in it are relative to it. */
  file: z.string(),
  stack: z.string(),
  started: z.string(),
  ended: z.string().nullable(),
  /** Whether every step was dealt with. */
  finished: z.boolean(),
  /** Seconds of the experiment's own time so far, interruptions left out. */
  seconds: z.number(),
  /** Times, in the experiment's own seconds, at which it went on after an interruption. */
  resumed: z.array(z.number()),
  attempts: z.array(attemptSchema),
  cost: costSchema,
  /** Why something could not be measured at the end of a run, by probe. */
  notAvailable: z.record(z.string(), z.string()),
  versions: z.object({
    /** Packages of the cloud's services; null where they can't be asked. */
    openstack: z.record(z.string(), z.string()).nullable(),
    pulumi: z.string().nullable(),
    docker: z.string().nullable(),
    node: z.string(),
    /** Commit of this project, with "+" when files were changed since. */
    project: z.string().nullable(),
  }),
  machine: z.object({
    cpu: z.string(),
    cores: z.number(),
    memoryMb: z.number(),
    kernel: z.string(),
    system: z.string(),
  }),
  /** The stack's own settings when the experiment began; secret ones without their values. */
  settings: z.record(z.string(), z.unknown()),
  /** What the samples must not go beyond. */
  expect: expectSchema.optional(),
});
export type State = z.output<typeof stateSchema>;

/** One probe's samples by column: the n-th value of each series belongs to the n-th time. Null: not available then. */
const tableSchema = z.object({
  seconds: z.array(z.number()),
  series: z.record(z.string(), z.array(z.number().nullable())),
});
export type Table = z.output<typeof tableSchema>;

/** Samples by probe; each is asked in its own rhythm. */
const samplesSchema = z.record(z.string(), tableSchema);
export type Samples = z.output<typeof samplesSchema>;

/** result.json. */
export const resultSchema = stateSchema.extend({
  intervalSeconds: z.number(),
  samples: samplesSchema,
});
export type Result = z.output<typeof resultSchema>;

export const FILES = {
  experiment: "experiment.yaml",
  state: "state.json",
  samples: "samples.ndjson",
  result: "result.json",
  report: "report.html",
  summary: "summary.json",
} as const;

/** A result's folder is named after the experiment and the time of its start. */
export function folderName(name: string, date: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join("");
  return `${name}-${day}-${time}`;
}

/** Replaces the file at once, so that an end at any time leaves the one or the other. */
export function writeJson(file: string, value: unknown, indent?: number): void {
  writeFileSync(`${file}.new`, `${JSON.stringify(value, null, indent)}\n`);
  renameSync(`${file}.new`, file);
}

export function readState(folder: string): State | undefined {
  const file = path.join(folder, FILES.state);
  return existsSync(file) ? stateSchema.parse(JSON.parse(readFileSync(file, "utf8"))) : undefined;
}

/**
 * A result by its folder or its result.json.
 * @throws Error, one sentence
 */
export function readResult(place: string): { folder: string; result: Result } {
  const folder = place.endsWith(".json") ? path.dirname(place) : place;
  const file = place.endsWith(".json") ? place : path.join(place, FILES.result);
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    throw new Error(`${place} is no result of an experiment: there is no ${FILES.result}`);
  }
  try {
    return { folder, result: resultSchema.parse(JSON.parse(text)) };
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : "is not JSON";
    throw new Error(`${file} is no result of an experiment: ${why.split("\n")[0]}`, {
      cause: error,
    });
  }
}

/** The lines that the sampler wrote, by probe and column. A line that was cut off by a crash is left out. */
export function readSamples(file: string): Samples {
  const rows = existsSync(file) ? readFileSync(file, "utf8").split("\n").flatMap(sampleIn) : [];
  const byProbe = Object.entries(Object.groupBy(rows, ({ probe }) => probe));
  return Object.fromEntries(byProbe.map(([probe, samples = []]) => [probe, tableOf(samples)]));
}

/** When the newest sample was asked for; 0 of none. */
export function lastSecond(samples: Samples): number {
  return Math.max(0, ...Object.values(samples).map(({ seconds }) => seconds.at(-1) ?? 0));
}

const sampleSchema = z.object({
  seconds: z.number(),
  probe: z.string(),
  values: z.record(z.string(), z.number().nullable()),
});
type Sample = z.output<typeof sampleSchema>;

function sampleIn(line: string): Sample[] {
  if (line === "") return [];
  try {
    return [sampleSchema.parse(JSON.parse(line))];
  } catch {
    return [];
  }
}

function tableOf(samples: Sample[]): Table {
  // Answers come late and out of order; they belong to when they were asked for.
  const rows = samples.sort((a, b) => a.seconds - b.seconds);
  const names = [...new Set(rows.flatMap((row) => Object.keys(row.values)))].sort();
  return {
    seconds: rows.map(({ seconds }) => seconds),
    series: Object.fromEntries(
      names.map((name) => [name, rows.map((row) => row.values[name] ?? null)]),
    ),
  };
}
