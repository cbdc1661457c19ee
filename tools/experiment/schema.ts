import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { parseDocument } from "yaml";
import { z } from "zod";
import { integer, choice, boolean } from "../../config/fields.ts";
import { problemsOf, type Problem } from "../../config/problems.ts";
import { MAX_COMPUTES, settingsSchema } from "../../config/schema.ts";
import { expectSchema, isOf } from "./expect.ts";
import { planSteps } from "./plan.ts";

const MAX_STEPS = 500;

const text = z.string({ error: "must be text" }).min(1, { error: "must not be empty" });
const minutes = (most: number) =>
  z
    .number({ error: `must be a number of minutes, more than 0 and at most ${most}` })
    .refine((value) => value > 0 && value <= most, {
      error: `must be a number of minutes, more than 0 and at most ${most}`,
    });
const scalar = z.union([z.string(), z.number(), z.boolean()], {
  error: "must be text, a number, true or false",
});

/** What a step can do, one of it in each. */
const WORK = ["computes", "playbook", "wait", "settings", "repeat"] as const;

const stepSchema = z
  .strictObject({
    /** What the report calls the step. Default: what it does. */
    name: text.optional(),
    /** Minutes after which the step is ended and counts as failed. Default: limits.stepMinutes. */
    limitMinutes: minutes(1440).optional(),
    /** Whether the experiment goes on when the step fails. Default false. */
    mayFail: boolean.optional(),
    /** Number of simulated computes, brought about by `pulumi up`. */
    computes: integer(0, MAX_COMPUTES).optional(),
    /** Name of one of playbooks/, or a path that is relative to the experiment's file. */
    playbook: text.optional(),
    /** Extra variables of the playbook. */
    vars: z
      .record(z.string(), z.unknown(), { error: "must be variables by their names" })
      .optional(),
    /** Tags of the playbook to run. Default: all. */
    tags: z.array(text, { error: "must be a list of tags" }).optional(),
    /** Seconds in which nothing is done. */
    wait: integer(1, 86_400).optional(),
    /** Settings of the stack, dots leading into objects, brought about by `pulumi up`. */
    settings: z.record(z.string(), scalar, { error: "must be settings by their keys" }).optional(),
    /** How often `steps` are run. */
    repeat: integer(1, 100).optional(),
    get steps(): z.ZodOptional<z.ZodArray<typeof stepSchema>> {
      return z.array(stepSchema, { error: "must be a list of steps" }).min(1).optional();
    },
  })
  .superRefine((step, context) => {
    const problem = (message: string, key?: string) =>
      context.addIssue({ code: "custom", message, path: key === undefined ? [] : [key] });
    const work = WORK.filter((key) => step[key] !== undefined);
    if (work.length === 0) problem(`must have one of ${WORK.join(", ")}`);
    if (work.length > 1) problem(`must have one of ${work.join(", ")}, not several`);
    for (const key of ["vars", "tags"] as const) {
      if (step[key] && step.playbook === undefined) problem("belongs to a playbook", key);
    }
    if (step.repeat !== undefined && !step.steps)
      problem("needs steps that are repeated", "repeat");
    if (step.steps && step.repeat === undefined) problem("needs repeat", "steps");
    if (step.repeat !== undefined && step.limitMinutes !== undefined) {
      problem("belongs to each of the steps that are repeated", "limitMinutes");
    }
    if (step.settings && "computes" in step.settings) {
      problem("is a step of its own: `- computes: …`", "settings");
    }
  });

export type StepDeclaration = z.output<typeof stepSchema>;

const experimentSchema = z.strictObject({
  /** What is asked; the report's first line. */
  description: z.string({ error: "must be text" }).default(""),
  sampling: z
    .strictObject({
      /** Seconds between two samples. */
      intervalSeconds: z
        .number({ error: "must be a number of seconds from 0.5 to 60" })
        .refine((value) => value >= 0.5 && value <= 60, {
          error: "must be a number of seconds from 0.5 to 60",
        })
        .default(2),
    })
    .prefault({}),
  limits: z
    .strictObject({
      /** Minutes that a step may take which does not say otherwise. */
      stepMinutes: minutes(1440).default(30),
      /** Minutes that all steps together may take. */
      totalMinutes: minutes(10_080).default(120),
    })
    .prefault({}),
  /** What becomes of the stack's settings at the end: those of its own again, or the experiment's last ones. */
  afterwards: choice("restore", "keep").default("restore"),
  /** What is held against the samples at the end; a failed one makes the exit status 1. */
  expect: expectSchema.optional(),
  steps: z.array(stepSchema, { error: "must be a list of steps" }).min(1, {
    error: "must have at least one step",
  }),
});

/** An experiment as its file declares it, with defaults applied. */
export type Experiment = z.output<typeof experimentSchema>;

/** An experiment's file is wrong. The message lists every problem, one line each. */
export class ExperimentError extends Error {
  constructor(file: string, problems: readonly Problem[]) {
    const lines = problems.map(({ key, value, message }) => {
      const shown = value === undefined || typeof value === "object" ? "" : ` is ${show(value)}:`;
      return `  ${key || "the file"}${shown || ":"} ${message}`;
    });
    super(
      `${file} has ${problems.length} problem${problems.length === 1 ? "" : "s"}:\n${lines.join("\n")}`,
    );
    this.name = "ExperimentError";
  }
}

/**
 * Reads and checks an experiment's file, the settings and playbooks that it names included.
 * @param playbooks folder of the playbooks that are named without a path
 * @param original where the file was when paths in it were written; itself by default
 * @throws ExperimentError with every problem at once
 */
export function readExperiment(file: string, playbooks: string, original = file): Experiment {
  let content: string;
  try {
    content = readFileSync(file, "utf8");
  } catch {
    throw new ExperimentError(file, [{ key: "", message: "there is no such file" }]);
  }
  return parseExperiment(content, file, (name) => playbookFile(name, original, playbooks));
}

/** @param find where the playbook of a name is, or undefined */
export function parseExperiment(
  content: string,
  file: string,
  find: (name: string) => string | undefined = (name) => name,
): Experiment {
  const document = parseDocument(content);
  if (document.errors.length > 0) {
    throw new ExperimentError(
      file,
      document.errors.map(({ message }) => ({
        key: "",
        message: `is not YAML: ${message.split("\n")[0]}`,
      })),
    );
  }
  const raw: unknown = document.toJS() ?? {};
  const parsed = experimentSchema.safeParse(raw);
  const problems: Problem[] = parsed.success
    ? []
    : problemsOf(parsed.error, raw).map(({ key, value, message }) => ({
        key: bracketed(key),
        value,
        message: message.replace(
          "is not a setting; see the table in README.md",
          "is not known here; see docs/experiments.md",
        ),
      }));
  const declared = listOf(raw, "steps");
  problems.push(...checkReferences(declared, "steps", find));
  if (parsed.success) problems.push(...checkBounds(parsed.data));
  if (!parsed.success || problems.length > 0) throw new ExperimentError(file, problems);
  return parsed.data;
}

/** The file of a playbook: one of the project's by its name, or a path relative to the experiment's file. */
export function playbookFile(name: string, file: string, playbooks: string): string | undefined {
  const isPath = name.includes("/") || /\.ya?ml$/.test(name);
  const found = isPath
    ? path.resolve(path.dirname(file), name)
    : path.join(playbooks, `${name}.yml`);
  return existsSync(found) ? found : undefined;
}

/** Settings and playbooks that do not exist; also where other parts of the file are wrong. */
function checkReferences(
  steps: unknown[],
  key: string,
  find: (name: string) => string | undefined,
): Problem[] {
  return steps.flatMap((step, index) => {
    const at = `${key}[${index}]`;
    const problems = checkReferences(listOf(step, "steps"), `${at}.steps`, find);
    const { settings, playbook } = Object(step) as Record<string, unknown>;
    if (typeof playbook === "string" && playbook !== "" && find(playbook) === undefined) {
      problems.push({
        key: `${at}.playbook`,
        value: playbook,
        message: "there is no such playbook",
      });
    }
    if (typeof settings === "object" && settings !== null) {
      problems.push(...checkSettingKeys(settings as Record<string, unknown>, `${at}.settings`));
    }
    return problems;
  });
}

/** Holds each setting against the schema of the stack's own. */
function checkSettingKeys(settings: Record<string, unknown>, at: string): Problem[] {
  return Object.entries(settings).flatMap(([key, value]): Problem[] => {
    const nested = key
      .split(".")
      .reduceRight<unknown>((inner, part) => ({ [part]: inner }), value) as object;
    const checked = settingsSchema.safeParse({ names: "unnamed", ...nested });
    if (checked.success) return [];
    return problemsOf(checked.error, nested).map(({ message }) => ({
      key: `${at}["${key}"]`,
      value,
      message,
    }));
  });
}

function checkBounds(experiment: Experiment): Problem[] {
  const { steps, limits, expect } = experiment;
  const problems: Problem[] = [];
  const count = (list: readonly StepDeclaration[]): number =>
    list.reduce((sum, step) => sum + (step.steps ? (step.repeat ?? 1) * count(step.steps) : 1), 0);
  const waited = (list: readonly StepDeclaration[]): number =>
    list.reduce(
      (sum, step) => sum + (step.wait ?? 0) + (step.repeat ?? 1) * waited(step.steps ?? []),
      0,
    );
  if (count(steps) > MAX_STEPS) {
    problems.push({ key: "steps", message: `must be at most ${MAX_STEPS} when repeated` });
  }
  if (waited(steps) > limits.totalMinutes * 60) {
    problems.push({
      key: "limits.totalMinutes",
      value: limits.totalMinutes,
      message: `must be more than the ${Math.ceil(waited(steps) / 60)} minutes that the steps wait`,
    });
  }
  if (expect && !planSteps(experiment).some(({ label }) => isOf(expect.steps, label))) {
    problems.push({ key: "expect.steps", value: expect.steps, message: "no step has that name" });
  }
  return problems;
}

function listOf(value: unknown, key: string): unknown[] {
  const list = (Object(value) as Record<string, unknown>)[key];
  return Array.isArray(list) ? (list as unknown[]) : [];
}

/** steps.3.wait → steps[3].wait */
function bracketed(key: string): string {
  return key.replaceAll(/\.(\d+)(?=\.|$)/g, "[$1]");
}

function show(value: unknown): string {
  const shown = JSON.stringify(value) ?? String(value);
  return shown.length > 60 ? `${shown.slice(0, 57)}...` : shown;
}
