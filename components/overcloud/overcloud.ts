import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import type { PipelineSettings } from "../../config/overcloud.ts";
import type { BmcPlan } from "../bmc/plan.ts";
import { contentHash } from "../image/content-hash.ts";
import type { TopologyPlan } from "../libvirt/plan.ts";
import { PROJECT_DIRECTORY } from "../project.ts";
import { LEFT_OUT, Step, type StepArgs } from "../step/step.ts";
import { selectSteps, stepsOf, type ReleaseStep, type StepName } from "./steps.ts";
import {
  planVars,
  renderVars,
  VARIABLES_FILE,
  VARIABLES_OF,
  varsOf,
  type OvercloudVars,
  type PlaybookFiles,
} from "./vars.ts";

export interface OvercloudArgs {
  settings: PipelineSettings;
  plan: TopologyPlan;
  /** What switches its nodes on and off. */
  bmcs: readonly BmcPlan[];
  /** Where libvirt answers on the hypervisor. */
  libvirtUri: string;
  /** Folder for what the stack writes for its user. */
  outputDirectory: string;
  /** Changes when files have to be written again; see components/upkeep. */
  epoch: string;
  /** The ansible inventory: groups hypervisor, undercloud, ... */
  inventory: string;
  files: PlaybookFiles;
  /** Network of the simulated computes' tunnels. */
  tunnelCidr: string;
  /** Hash of the playbook and its roles, by playbookHash(). */
  playbookHash: string;
  /** Contents of the user's environment files, by userFilesHash(). */
  userFilesHash: string;
  /** Resources that stand for the steps before: deploy_undercloud, build_vms, install_vbmc. */
  after: Partial<Record<StepName, pulumi.Resource[]>>;
  /** Ids of the VMs by node name: what is done to one is done again when it is new. */
  nodeIds: Record<string, pulumi.Input<string>>;
}

const PLAYBOOKS = join(PROJECT_DIRECTORY, "playbooks");

/** Hash of everything that a run of the playbook is made of. */
export async function playbookHash(): Promise<string> {
  const playbook = await readFile(join(PLAYBOOKS, "overcloud.yml"), "utf8");
  return digest(playbook, await contentHash(join(PLAYBOOKS, "roles")));
}

/**
 * Hash of the user's environment files.
 * @throws Error naming one that can't be read
 */
export async function userFilesHash(files: readonly string[]): Promise<string> {
  const contents = await Promise.all(
    files.map((file) =>
      readFile(file, "utf8").catch((error: unknown) => {
        throw new Error(`overcloud.environmentFiles: ${file} can't be read`, { cause: error });
      }),
    ),
  );
  return digest(...contents);
}

/** The overcloud: one step for each tag of the playbook, each after those that it needs and beside the rest. */
export class Overcloud extends pulumi.ComponentResource {
  readonly vars: OvercloudVars;
  /** The steps of this component by name, in dependency order; also those that are left out. */
  readonly steps: ReadonlyMap<StepName, Step>;

  constructor(name: string, args: OvercloudArgs, options?: pulumi.ComponentResourceOptions) {
    super("overcloud:index:Overcloud", name, {}, options);
    const { settings, outputDirectory } = args;
    this.vars = planVars(settings.overcloud, args);
    const directory = `${outputDirectory}/logs`;

    const file = VARIABLES_FILE;
    const variables = new Step(
      "overcloud-vars",
      {
        directory,
        run: { action: "access/write", args: { directory: outputDirectory, names: [file] } },
        input: JSON.stringify({ [file]: renderVars(this.vars) }),
        rerunOn: [args.epoch],
      },
      { parent: this },
    );

    const { release } = settings.overcloud;
    const selected = new Set(selectSteps(release, settings).steps.map((step) => step.name));
    const steps = new Map<StepName, Step>();
    for (const step of stepsOf(release).filter(({ group }) => group === "deploy_overcloud")) {
      const dependsOn = step.needs.flatMap((need) => steps.get(need) ?? args.after[need] ?? []);
      const runs = selected.has(step.name);
      steps.set(
        step.name,
        new Step(
          step.name,
          {
            directory,
            ...(runs ? this.#run(step, args, `${outputDirectory}/${file}`) : LEFT_OUT),
          },
          { parent: this, dependsOn: [variables, ...dependsOn] },
        ),
      );
    }
    this.steps = steps;
    this.registerOutputs({});
  }

  #run(step: ReleaseStep, args: OvercloudArgs, variables: string): Omit<StepArgs, "directory"> {
    const inputs = digest(
      args.playbookHash,
      JSON.stringify(varsOf(step.name, this.vars)),
      step.name === "build_heat_config" || step.name === "run_deploy_overcloud"
        ? args.userFilesHash
        : "",
    );
    return {
      run: {
        action: "overcloud/play",
        args: {
          playbook: join(PLAYBOOKS, "overcloud.yml"),
          inventory: args.inventory,
          variables,
          tags: [step.name],
        },
        timeoutSeconds:
          step.name === "run_deploy_overcloud"
            ? this.vars.cloud_stack.timeout_seconds + DEPLOY_MARGIN_SECONDS
            : step.timeoutSeconds,
      },
      rerunOn: pulumi.all([inputs, ...this.#idsFor(step, args)]),
    };
  }

  /** All nodes for what is about nodes, the undercloud for the rest: another compute does not concern it. */
  #idsFor({ name }: ReleaseStep, { nodeIds, plan }: OvercloudArgs): pulumi.Input<string>[] {
    const all = VARIABLES_OF[name]?.includes("cloud_nodes");
    return plan.nodes
      .filter(({ role }) => all || role === "undercloud")
      .flatMap((node) => nodeIds[node.name] ?? []);
  }
}

/** Seconds that the step gets beyond the deployment's own limit, to judge and report. */
const DEPLOY_MARGIN_SECONDS = 600;

function digest(...texts: string[]): string {
  const hash = createHash("sha256");
  for (const text of texts) hash.update(JSON.stringify(text));
  return hash.digest("hex").slice(0, 16);
}
