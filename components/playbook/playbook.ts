import * as pulumi from "@pulumi/pulumi";
import type { CloudReference } from "../openstack/session.ts";
import { Step } from "../step/step.ts";
import { MAX_TIMEOUT_MINUTES } from "../../config/playbooks.ts";
import type { PlaybookPlan } from "./plan.ts";

export interface PlaybookArgs {
  plan: PlaybookPlan;
  /** Hash of what it is made of, by readContent(). */
  contentHash: string;
  inventory: string;
  cloud: CloudReference;
  /** Folder for what the stack writes for its user. */
  outputDirectory: string;
  /** Changes when files have to be written again; see components/upkeep. */
  epoch: string;
  /** What the cloud goes with: then there is nothing left to tear down. */
  controlPlane: pulumi.Resource;
}

/** Seconds that a step gets beyond the playbook's own limit, to judge and report. */
const STEP_SECONDS = (MAX_TIMEOUT_MINUTES + 5) * 60;

/**
 * One playbook of the user's. What it gets is in a file of its own, so that a new tag or variable is seen by the next run
 * and is no reason for one: when there is a run, `runOn` alone decides.
 */
export class Playbook extends pulumi.ComponentResource {
  readonly log: string;

  constructor(name: string, args: PlaybookArgs, options?: pulumi.ComponentResourceOptions) {
    super("overcloud:index:Playbook", name, {}, options);
    const { plan, outputDirectory, inventory, cloud } = args;
    const directory = `${outputDirectory}/logs`;
    const step = `playbook-${plan.name}`;
    this.log = `${directory}/${step}.log`;

    const file = `playbooks/${plan.name}.json`;
    const settings = new Step(
      `${step}-settings`,
      {
        directory,
        run: { action: "access/write", args: { directory: outputDirectory, names: [file] } },
        remove: { action: "playbook/forget", args: { file: `${outputDirectory}/${file}` } },
        input: pulumi.secret(JSON.stringify({ [file]: JSON.stringify(plan.run) })),
        rerunOn: [args.epoch],
      },
      { parent: this },
    );
    const before: pulumi.Resource[] = [settings];
    if (plan.teardown) {
      const teardown = new Step(
        `${step}-teardown`,
        {
          directory,
          remove: {
            action: "playbook/run",
            args: { inventory, cloud },
            timeoutSeconds: STEP_SECONDS,
          },
          input: pulumi.secret(JSON.stringify(plan.teardown)),
        },
        { parent: this, deletedWith: args.controlPlane },
      );
      before.push(teardown);
    }
    new Step(
      step,
      {
        directory,
        ...((plan.runOn !== "manual" || plan.count > 0) && {
          run: {
            action: "playbook/run",
            args: { file: `${outputDirectory}/${file}`, inventory, cloud },
            timeoutSeconds: STEP_SECONDS,
          },
        }),
        rerunOn: reasons(args),
      },
      { parent: this, dependsOn: before },
    );
    this.registerOutputs({ log: this.log });
  }
}

/** What makes a playbook run again. */
function reasons({ plan, contentHash }: PlaybookArgs): pulumi.Input<string[]> {
  switch (plan.runOn) {
    case "always":
      return [new Date().toISOString()];
    case "manual":
      return [String(plan.count)];
    case "changed":
      // More time is no reason to do again what was done in less.
      return pulumi.secret([contentHash, JSON.stringify({ ...plan.run, timeoutMinutes: 0 })]);
  }
}
