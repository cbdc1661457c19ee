import * as pulumi from "@pulumi/pulumi";
import { isSecretKey } from "../../config/load.ts";
import type { PlaybookSettings } from "../../config/playbooks.ts";
import type { ControlPlane } from "../control-plane.ts";
import { readContent } from "./content.ts";
import { planPlaybooks } from "./plan.ts";
import { Playbook } from "./playbook.ts";

export interface PlaybooksArgs {
  settings: readonly PlaybookSettings[];
  controlPlane: ControlPlane;
  /** Folder for what the stack writes for its user. */
  outputDirectory: string;
  /** Changes when files have to be written again; see components/upkeep. */
  epoch: string;
}

/** Where to look for what a playbook did. */
export interface PlaybookOutput {
  log: string;
  /** Written by playbooks that measure something. */
  resultFile: string;
}

/** The stack's playbooks, each after those that it waits for. */
export async function makePlaybooks(
  { settings, controlPlane, outputDirectory, epoch }: PlaybooksArgs,
  options: pulumi.ComponentResourceOptions,
): Promise<Record<string, PlaybookOutput>> {
  const secret = isSecretKey("playbooks", pulumi.getProject());
  const made = new Map<string, Playbook>();
  const outputs: Record<string, PlaybookOutput> = {};
  for (const plan of planPlaybooks(settings, outputDirectory, secret)) {
    const { hash } = await readContent(plan.run.playbook);
    const after = plan.after.flatMap((name) => made.get(name) ?? []);
    const playbook = new Playbook(
      plan.name,
      {
        plan,
        contentHash: hash,
        inventory: controlPlane.access.inventory,
        cloud: controlPlane.cloud,
        outputDirectory,
        epoch,
        controlPlane,
      },
      {
        ...options,
        // All of it: the inventory is written beside what makes the cloud ready.
        dependsOn: [
          controlPlane,
          ...[options.dependsOn ?? []].flat(),
          ...after,
        ] as pulumi.Resource[],
      },
    );
    made.set(plan.name, playbook);
    outputs[plan.name] = { log: playbook.log, resultFile: plan.run.resultFile };
  }
  return outputs;
}
