import { copyFileSync, globSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import lockfile from "proper-lockfile";
import { dockerClient } from "../setup/image-build.ts";
import { machine, versions } from "./facts.ts";
import { digestOf } from "./digest.ts";
import { sentence, verdicts } from "./expect.ts";
import { firstUnfinished, planSteps, type PlannedStep } from "./plan.ts";
import { writeReport } from "./report/write.ts";
import {
  FILES,
  folderName,
  lastSecond,
  readSamples,
  readState,
  writeJson,
  type Attempt,
  type Result,
  type State,
} from "./result.ts";
import { addCosts, Collector, NO_COST } from "./sampler/collector.ts";
import { readExperiment, type Experiment } from "./schema.ts";
import { Stack } from "./stack.ts";
import { logOf, parametersOf, runStep, type StepOutcome } from "./steps.ts";

export interface RunOptions {
  root: string;
  /** The experiment's file; on going on with one also its result's folder. */
  file: string;
  /** Default: the selected stack. */
  stack?: string;
  /** Whether to go on with the newest result of the experiment that is not finished. */
  resume: boolean;
  interrupted: AbortSignal;
  write: (line: string) => void;
}

/** Seconds between two lines about a step that goes on. */
const PROGRESS_SECONDS = 30;

/**
 * Runs an experiment, or goes on with one, and leaves a result with everything that was measured up to its end,
 * however it ends.
 * @returns the exit status: 0, 1 when a step failed or an expectation was not met, 130 when it was interrupted
 * @throws Error, one sentence, before anything was done
 */
export async function runExperiment(options: RunOptions): Promise<number> {
  const { root, write } = options;
  const playbooks = path.join(root, "playbooks");
  const results = path.join(root, "results");
  const folder = options.resume ? unfinished(results, options.file) : undefined;
  const known = folder === undefined ? undefined : readState(folder);
  const file = known?.file ?? path.resolve(options.file);
  const copy = folder === undefined ? file : path.join(folder, FILES.experiment);
  const experiment = known
    ? // As it was run, whatever became of the file since; what it names is where the file was.
      readExperiment(copy, playbooks, file)
    : readExperiment(file, playbooks);
  if (known && options.stack !== undefined && options.stack !== known.stack) {
    throw new Error(`the result is of stack ${known.stack}, not of ${options.stack}`);
  }
  const stack = await Stack.open(root, known?.stack ?? options.stack);
  const steps = planSteps(experiment);
  if (steps[0]?.work.kind !== "update" && (await stack.cloud()) === undefined) {
    throw new Error(
      `stack ${stack.name} has no cloud: run \`npm run up -- --stack ${stack.name}\` first, or begin with a step like \`computes: 3\``,
    );
  }
  mkdirSync(results, { recursive: true });
  const release = await lock(results, stack.name);
  try {
    const started = new Date();
    const place = folder ?? path.join(results, folderName(nameOf(file), started));
    mkdirSync(path.join(place, "steps"), { recursive: true });
    if (folder === undefined) copyFileSync(file, path.join(place, FILES.experiment));
    const state: State = known ?? {
      format: 1,
      name: nameOf(file),
      description: experiment.description,
      file,
      stack: stack.name,
      started: started.toISOString(),
      ended: null,
      finished: false,
      seconds: 0,
      resumed: [],
      attempts: [],
      cost: NO_COST,
      notAvailable: {},
      versions: await versions(root, stack.name),
      machine: machine(),
      settings: await stack.settings(),
      ...(experiment.expect && { expect: experiment.expect }),
    };
    const shown = path.relative(process.cwd(), place);
    write(`experiment: ${state.name} on stack ${stack.name}, ${steps.length} steps, into ${shown}`);
    const run = new Run({ options, experiment, steps, stack, state, folder: place, file });
    return await run.toTheEnd();
  } finally {
    await release();
  }
}

/** One run of an experiment, which may be one of several that make a result. */
class Run {
  readonly #options: RunOptions;
  readonly #experiment: Experiment;
  readonly #steps: readonly PlannedStep[];
  readonly #stack: Stack;
  readonly #state: State;
  readonly #folder: string;
  readonly #file: string;
  readonly #secondsBefore: number;
  readonly #since = performance.now();
  readonly #collector: Collector;

  constructor(parts: {
    options: RunOptions;
    experiment: Experiment;
    steps: readonly PlannedStep[];
    stack: Stack;
    state: State;
    folder: string;
    file: string;
  }) {
    this.#options = parts.options;
    this.#experiment = parts.experiment;
    this.#steps = parts.steps;
    this.#stack = parts.stack;
    this.#state = parts.state;
    this.#folder = parts.folder;
    this.#file = parts.file;
    // One that was killed has measured for longer than it has said.
    const measured = lastSecond(readSamples(path.join(parts.folder, FILES.samples)));
    this.#secondsBefore = Math.max(parts.state.seconds, measured);
    if (parts.state.attempts.length > 0) parts.state.resumed.push(this.#secondsBefore);
    this.#collector = new Collector({
      docker: dockerClient(process.env),
      stack: parts.stack.name,
      cloud: () => parts.stack.cloud(),
      file: path.join(parts.folder, FILES.samples),
      intervalSeconds: parts.experiment.sampling.intervalSeconds,
      now: () => this.#seconds(),
    });
  }

  async toTheEnd(): Promise<number> {
    const { write } = this.#options;
    this.#closeOpenAttempts();
    this.#collector.sampler.start();
    const progress = setInterval(() => this.#progress(), PROGRESS_SECONDS * 1000);
    let last: StepOutcome | undefined;
    let result: Result;
    try {
      const first = firstUnfinished(this.#steps, this.#state.attempts);
      for (const [index, step] of this.#steps.entries()) {
        if (index < first) continue;
        last = await this.#step(step, index);
        if (last.outcome !== "done" && !(step.mayFail && last.outcome !== "interrupted")) break;
        last = undefined;
      }
    } finally {
      clearInterval(progress);
      result = await this.#conclude();
    }
    if (last === undefined) {
      const judged = verdicts(result);
      for (const verdict of judged) write(`experiment: ${sentence(verdict)}`);
      write(`experiment: done, ${path.relative(process.cwd(), this.#path(FILES.report))}`);
      return judged.every(({ met }) => met) ? 0 : 1;
    }
    const place = path.relative(process.cwd(), this.#folder);
    write(`experiment: so far, ${path.join(place, FILES.report)}`);
    write(`experiment: to go on there: npm run experiment -- --resume ${place}`);
    const changed = this.#state.attempts.some(({ kind }) => kind === "update");
    if (changed && this.#experiment.afterwards === "restore") {
      write(
        `experiment: to have the stack's own settings again instead: pulumi up --stack ${this.#stack.name}`,
      );
    }
    return last.outcome === "interrupted" ? 130 : 1;
  }

  async #step(step: PlannedStep, index: number): Promise<StepOutcome> {
    const { write, root, interrupted } = this.#options;
    const attempt: Attempt = {
      id: step.id,
      label: step.label,
      kind: step.work.kind,
      parameters: parametersOf(step),
      outcome: "running",
      from: this.#seconds(),
      to: null,
      started: new Date().toISOString(),
      ended: null,
      ...(step.work.kind !== "wait" && { log: logOf(step) }),
    };
    this.#state.attempts.push(attempt);
    this.#save();
    write(`experiment: step ${index + 1} of ${this.#steps.length}: ${step.label}`);
    const outcome = await runStep(step, {
      root,
      stack: this.#stack,
      file: this.#file,
      folder: this.#folder,
      interrupted,
      secondsLeft: this.#experiment.limits.totalMinutes * 60 - this.#seconds(),
    });
    Object.assign(attempt, outcome, { to: this.#seconds(), ended: new Date().toISOString() });
    this.#save();
    const took = (this.#seconds() - attempt.from).toFixed(1);
    const why = outcome.message === undefined ? "" : `: ${outcome.message}`;
    write(`experiment:   ${outcome.outcome} after ${took} s${why}`);
    return outcome;
  }

  /** Ends the sampling and writes everything that a result has. */
  async #conclude(): Promise<Result> {
    const { root } = this.#options;
    const state = this.#state;
    const { sampler } = this.#collector;
    state.cost = addCosts(state.cost, this.#collector.cost());
    state.notAvailable = Object.fromEntries(sampler.errors);
    await sampler.stop();
    state.seconds = this.#seconds();
    state.ended = new Date().toISOString();
    state.finished = firstUnfinished(this.#steps, state.attempts) === this.#steps.length;
    const now = await versions(root, this.#stack.name);
    // The cloud may not have been there at the beginning, and may be gone at the end.
    state.versions.openstack ??= now.openstack;
    this.#save();
    const result: Result = {
      ...state,
      intervalSeconds: this.#experiment.sampling.intervalSeconds,
      samples: readSamples(this.#path(FILES.samples)),
    };
    writeJson(this.#path(FILES.result), result);
    writeReport(this.#path(FILES.report), [result]);
    writeJson(this.#path(FILES.summary), digestOf(result), 2);
    return result;
  }

  /** What was under way when an earlier run was killed did not come to its end. */
  #closeOpenAttempts(): void {
    for (const attempt of this.#state.attempts) {
      if (attempt.outcome !== "running") continue;
      Object.assign(attempt, { outcome: "interrupted", message: "the experiment was killed" });
      attempt.to ??= Math.max(attempt.from, this.#secondsBefore);
    }
  }

  #progress(): void {
    const { latest } = this.#collector.sampler;
    const attempt = this.#state.attempts.at(-1);
    if (attempt?.outcome !== "running") return;
    const up = latest["services.computes.up"];
    const seen =
      typeof up === "number"
        ? `; ${up} of ${latest["services.computes.registered"]} computes up`
        : "";
    const seconds = Math.round(this.#seconds() - attempt.from);
    this.#options.write(`experiment:   ${attempt.label}: ${seconds} s${seen}`);
    this.#save();
  }

  #seconds(): number {
    return Math.round(this.#secondsBefore * 1000 + performance.now() - this.#since) / 1000;
  }

  #save(): void {
    this.#state.seconds = this.#seconds();
    writeJson(this.#path(FILES.state), this.#state, 2);
  }

  #path(name: string): string {
    return path.join(this.#folder, name);
  }
}

function nameOf(file: string): string {
  return path.basename(file).replace(/\.ya?ml$/, "");
}

/** The result to go on with: a folder that was named, or the newest one of the experiment that is not finished. */
function unfinished(results: string, file: string): string {
  const named = statSync(file, { throwIfNoEntry: false })?.isDirectory();
  const pattern = `${nameOf(file)}-????-??-??-??????`;
  const candidates = named
    ? [path.resolve(file)]
    : globSync(pattern, { cwd: results }).map((name) => path.join(results, name));
  const open = candidates.sort().filter((folder) => readState(folder)?.finished === false);
  const newest = open.at(-1);
  if (newest !== undefined) return newest;
  throw new Error(
    named
      ? `${file} is no result of an experiment that is unfinished`
      : `there is no unfinished result of ${file} in ${results}: run it without --resume`,
  );
}

/** Two experiments at once on one stack would each measure what the other does. */
async function lock(results: string, stack: string): Promise<() => Promise<void>> {
  const file = path.join(results, `.${stack}`);
  writeFileSync(file, "", { flag: "a" });
  try {
    // A machine that stood still for a while is no reason to give an experiment up.
    return await lockfile.lock(file, { stale: 15_000, onCompromised: () => {} });
  } catch {
    throw new Error(`another experiment is under way on stack ${stack}: wait for its end`);
  }
}
