import type { Experiment, StepDeclaration } from "./schema.ts";

export type Scalar = string | number | boolean;

/** What a step does. */
export type Work =
  | { kind: "update" }
  | { kind: "playbook"; playbook: string; vars: Record<string, unknown>; tags: string[] }
  | { kind: "wait"; seconds: number };

/** One step of an experiment, ready to be run. */
export interface PlannedStep {
  /** Unique within the experiment, and the name of the step's files. */
  id: string;
  /** What the report calls it. */
  label: string;
  work: Work;
  /** Settings that the experiment has changed up to this step, it included; all others are the stack's own. */
  overrides: Record<string, Scalar>;
  limitSeconds: number;
  mayFail: boolean;
}

/** The steps in the order in which they are run, repetitions written out. Pure. */
export function planSteps(experiment: Experiment): PlannedStep[] {
  const steps: PlannedStep[] = [];
  const stepSeconds = experiment.limits.stepMinutes * 60;
  let overrides: Record<string, Scalar> = {};
  const add = (label: string, work: Work, declared: Partial<StepDeclaration>, suffix: string) => {
    const position = String(steps.length + 1).padStart(2, "0");
    steps.push({
      id: `${position}-${slug(declared.name ?? label)}`,
      label: `${declared.name ?? label}${suffix}`,
      work,
      overrides,
      limitSeconds: declared.limitMinutes ? declared.limitMinutes * 60 : stepSeconds,
      mayFail: declared.mayFail ?? false,
    });
  };
  const walk = (declarations: readonly StepDeclaration[], suffix: string) => {
    for (const declared of declarations) {
      if (declared.repeat !== undefined) {
        for (let time = 1; time <= declared.repeat; time += 1) {
          const name = declared.name === undefined ? "" : `${declared.name}, `;
          walk(declared.steps ?? [], `${suffix} (${name}${time} of ${declared.repeat})`);
        }
      } else if (declared.wait !== undefined) {
        add(`wait ${declared.wait} s`, { kind: "wait", seconds: declared.wait }, declared, suffix);
      } else if (declared.playbook !== undefined) {
        const { playbook, vars = {}, tags = [] } = declared;
        const name = playbook.replace(/^.*\//, "").replace(/\.ya?ml$/, "");
        add(name, { kind: "playbook", playbook, vars, tags }, declared, suffix);
      } else {
        const changed =
          declared.computes === undefined
            ? (declared.settings ?? {})
            : { computes: declared.computes };
        overrides = { ...overrides, ...changed };
        add(describe(changed), { kind: "update" }, declared, suffix);
      }
    }
  };
  walk(experiment.steps, "");
  if (experiment.afterwards === "restore" && Object.keys(overrides).length > 0) {
    overrides = {};
    add("the stack's own settings", { kind: "update" }, {}, "");
  }
  return steps;
}

/** Where a run goes on: after the steps that are done, in order. Those that may fail count as done when they failed. */
export function firstUnfinished(
  steps: readonly PlannedStep[],
  attempts: readonly { id: string; outcome: string }[],
): number {
  const last = new Map(attempts.map(({ id, outcome }) => [id, outcome]));
  const open = steps.findIndex(({ id, mayFail }) => {
    const outcome = last.get(id);
    return outcome !== "done" && !(mayFail && (outcome === "failed" || outcome === "timed out"));
  });
  return open < 0 ? steps.length : open;
}

function describe(settings: Record<string, Scalar>): string {
  const { computes, ...others } = settings;
  const parts = Object.entries(others).map(([key, value]) => `${key} ${value}`);
  if (computes !== undefined) parts.unshift(`${computes} compute${computes === 1 ? "" : "s"}`);
  return parts.join(", ");
}

function slug(text: string): string {
  const plain = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9_.]+/g, "-")
    .replaceAll(/^-+|-+$/g, "");
  return plain.slice(0, 40) || "step";
}
