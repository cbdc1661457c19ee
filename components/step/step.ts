import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { digest } from "../digest.ts";
import { PROJECT_DIRECTORY } from "../project.ts";
import type { Specification } from "./specification.ts";

/** What a step does at one point of its life. */
export type StepRun = Pick<Specification, "action" | "argv" | "args" | "environment" | "cwd"> & {
  /** Seconds after which it is ended and counts as failed. Default 600. */
  timeoutSeconds?: number;
};

export interface StepArgs {
  /** Folder of the stack's logs and locks. */
  directory: string;
  /** Runs when the step is created, and again whenever its inputs change. Idempotent. Nothing by default. */
  run?: StepRun;
  /** Runs when the step is removed. Nothing by default. It may depend on what the step looked at. */
  remove?: StepRun | pulumi.Output<StepRun>;
  /** Secrets for `run`, on its standard input. */
  input?: pulumi.Input<string>;
  /** The step runs again when any of these changes, ids of what it looks at for instance. */
  rerunOn?: pulumi.Input<string[]>;
  /** The step is removed, and made anew, when any of these changes or is removed itself to be made anew. */
  replaceOn?: pulumi.Input<string>[];
  /** Whether `run` is told its result of the time before. Default false. */
  previous?: boolean;
  /** Whether what it prints goes to Pulumi as progress. Default true; false for a command whose result is secret. */
  progress?: boolean;
  /** Whether its result is secret; then nothing that it prints goes to Pulumi as progress. Default false. */
  secretResult?: boolean;
  /** Whether the step stays as it was when its inputs change: one that was done stays done. Default false. */
  keep?: boolean;
}

/** A step that the configuration leaves out does nothing, and if it ran before, that still counts. */
export const LEFT_OUT: Pick<StepArgs, "run" | "keep"> = {
  run: { action: "step/skipped" },
  keep: true,
};

/** What a command that runs a step is made of. */
const INPUTS = [
  ...["create", "delete", "stdin", "environment", "interpreter", "dir"],
  ...["addPreviousOutputInEnv", "logging"],
];

/**
 * The arguments of a command that runs a step. Use it directly where a step per item would make a resource too many.
 * @param name as in Specification: unique within the stack
 */
export function stepCommand(name: string, args: StepArgs): command.local.CommandArgs {
  const text = (run: StepRun): string =>
    JSON.stringify({
      name,
      directory: args.directory,
      timeoutSeconds: 600,
      ...run,
    } satisfies Specification);
  return {
    interpreter: ["node", "components/step/run.ts"],
    dir: PROJECT_DIRECTORY,
    ...(args.run && { create: text(args.run) }),
    ...(args.remove && {
      delete: pulumi.Output.isInstance(args.remove) ? args.remove.apply(text) : text(args.remove),
    }),
    ...(args.replaceOn && { triggers: args.replaceOn }),
    ...(args.input !== undefined && { stdin: args.input }),
    ...(args.rerunOn && {
      environment: { OVERCLOUD_RERUN_ON: pulumi.output(args.rerunOn).apply(digest) },
    }),
    // What a run printed may be more than an environment holds.
    addPreviousOutputInEnv: args.previous ?? false,
    logging: args.progress === false || args.secretResult ? "none" : "stderr",
  };
}

/** One named piece of the deployment: one line in Pulumi's tree, one log file. */
export class Step extends pulumi.ComponentResource {
  /** The step's result, JSON; empty if it has none. */
  readonly result: pulumi.Output<string>;

  constructor(name: string, args: StepArgs, options?: pulumi.ComponentResourceOptions) {
    super("overcloud:index:Step", name, {}, options);
    const run = new command.local.Command(name, stepCommand(name, args), {
      parent: this,
      deleteBeforeReplace: true,
      ...(options?.deletedWith && { deletedWith: options.deletedWith }),
      ...(args.keep && { ignoreChanges: INPUTS }),
      ...(args.secretResult && { additionalSecretOutputs: ["stdout", "stderr"] }),
    });
    this.result = run.stdout;
    this.registerOutputs({ result: this.result });
  }
}
