import type { Problem } from "../../config/problems.ts";
import { factsOf, RELEASES, type Release, type ReleaseFacts } from "./release.ts";

/** One named piece of the pipeline. */
export interface StepFacts {
  name: string;
  group: Group;
  /** What it does, for people. */
  description: string;
  /** Where its work happens. */
  hosts: readonly ("hypervisor" | "undercloud" | "overcloud")[];
  /** Steps whose results it uses; those that a release does not have are left out of its graph. */
  needs: readonly string[];
  /** Which way of provisioning nodes has it; both where nothing is said. */
  only?: ReleaseFacts["nodesBy"];
  /** What it destroys. Such a step runs once for each new value of its key in `confirm`. */
  destroys?: string;
  confirmedBy?: keyof Confirmations;
  /** Seconds after which it counts as failed. */
  timeoutSeconds: number;
}

/** The groups of steps, in the order in which a deployment goes through them. */
export const GROUPS = [
  "setup_infrared",
  "setup_vms",
  "install_undercloud",
  "deploy_overcloud",
  "simulate_compute_node",
] as const;
export type Group = (typeof GROUPS)[number];

/** Values that allow a destructive step; empty: never. */
export interface Confirmations {
  rebuildVms: string;
  cleanupInfrared: string;
}

const MINUTE = 60;
const HOUR = 60 * MINUTE;
/** For a step of seconds or a few minutes on a real machine. On an emulated one, beside others, seconds became ten minutes. */
const SHORT = 30 * MINUTE;

/** Every step there is. `needs` names what a step really uses, so that whatever is independent runs side by side. */
const CATALOGUE = [
  {
    name: "cleanup_infrared",
    group: "setup_infrared",
    description: "removes Infrared's environment and workspace",
    hosts: ["hypervisor"],
    needs: [],
    destroys: "Infrared's environment, its workspace and the inventories in it",
    confirmedBy: "cleanupInfrared",
    timeoutSeconds: SHORT,
  },
  {
    name: "install_infrared",
    group: "setup_infrared",
    description: "installs Infrared into an environment of its own, with workspace and plugins",
    hosts: ["hypervisor"],
    needs: ["cleanup_infrared"],
    timeoutSeconds: SHORT,
  },
  {
    name: "rebuild_vms",
    group: "setup_vms",
    description: "replaces every VM of the stack, with its disk",
    hosts: ["hypervisor"],
    needs: [],
    destroys: "every VM of the stack with its disk, the undercloud and the overcloud with them",
    confirmedBy: "rebuildVms",
    timeoutSeconds: SHORT,
  },
  {
    name: "build_vms",
    group: "setup_vms",
    description: "makes the networks, disks and VMs that are missing",
    hosts: ["hypervisor"],
    needs: ["rebuild_vms"],
    timeoutSeconds: SHORT,
  },
  {
    name: "build_hosts",
    group: "setup_vms",
    description:
      "waits until each VM answers over ssh; writes keys, ssh configuration and inventory",
    hosts: ["hypervisor"],
    needs: ["build_vms"],
    timeoutSeconds: SHORT,
  },
  {
    name: "download_images",
    group: "install_undercloud",
    description: "downloads the overcloud's images, verified by checksum",
    hosts: ["hypervisor"],
    needs: [],
    timeoutSeconds: HOUR,
  },
  {
    name: "install_vbmc",
    group: "install_undercloud",
    description: "gives each overcloud node a virtual BMC on the hypervisor",
    hosts: ["hypervisor"],
    needs: ["build_vms"],
    timeoutSeconds: SHORT,
  },
  {
    name: "pre_undercloud",
    group: "install_undercloud",
    description: "a hook: the user's playbook before the undercloud is installed, if there is one",
    hosts: ["undercloud"],
    needs: ["build_hosts"],
    timeoutSeconds: HOUR,
  },
  {
    name: "deploy_undercloud",
    group: "install_undercloud",
    description: "installs the undercloud with Infrared",
    hosts: ["undercloud"],
    needs: ["install_infrared", "build_hosts", "download_images", "pre_undercloud"],
    timeoutSeconds: 4 * HOUR,
  },
  {
    name: "gen_ssh_key",
    group: "deploy_overcloud",
    description: "puts the stack's ssh key in place as the one that opens every overcloud node",
    hosts: ["hypervisor", "undercloud"],
    needs: ["deploy_undercloud"],
    timeoutSeconds: SHORT,
  },
  {
    name: "setup_vlan",
    group: "deploy_overcloud",
    description: "connects the undercloud to the external network, forwards for it, sets DNS",
    hosts: ["undercloud"],
    needs: ["deploy_undercloud"],
    timeoutSeconds: SHORT,
  },
  {
    name: "tune_undercloud",
    group: "deploy_overcloud",
    description: "sets the undercloud's kernel parameters",
    hosts: ["undercloud"],
    needs: ["deploy_undercloud"],
    timeoutSeconds: SHORT,
  },
  {
    name: "create_instackenv",
    group: "deploy_overcloud",
    description: "describes the overcloud's nodes and their BMCs for registration",
    hosts: ["hypervisor", "undercloud"],
    needs: ["deploy_undercloud", "build_vms"],
    timeoutSeconds: SHORT,
  },
  {
    name: "introspect_nodes",
    group: "deploy_overcloud",
    description:
      "registers the nodes in the undercloud's Ironic, inspects them, makes them available",
    hosts: ["undercloud"],
    needs: ["create_instackenv", "install_vbmc"],
    timeoutSeconds: 90 * MINUTE,
  },
  {
    name: "create_flavors",
    group: "deploy_overcloud",
    description: "makes a flavor for each role and ties each node to its place",
    hosts: ["undercloud"],
    needs: ["introspect_nodes"],
    only: "nova",
    timeoutSeconds: SHORT,
  },
  {
    name: "build_heat_config",
    group: "deploy_overcloud",
    description: "writes the deployment's environment, NIC templates, roles and script",
    hosts: ["undercloud"],
    needs: ["deploy_undercloud"],
    timeoutSeconds: SHORT,
  },
  {
    name: "prepare_containers",
    group: "deploy_overcloud",
    description: "fetches the overcloud's container images into the undercloud's registry",
    hosts: ["undercloud"],
    needs: ["deploy_undercloud"],
    timeoutSeconds: 3 * HOUR,
  },
  {
    name: "provision_networks",
    group: "deploy_overcloud",
    description: "makes the overcloud's networks in the undercloud's Neutron",
    hosts: ["undercloud"],
    needs: ["deploy_undercloud"],
    only: "metalsmith",
    timeoutSeconds: SHORT,
  },
  {
    name: "provision_vips",
    group: "deploy_overcloud",
    description: "reserves the overcloud's virtual addresses",
    hosts: ["undercloud"],
    needs: ["provision_networks"],
    only: "metalsmith",
    timeoutSeconds: SHORT,
  },
  {
    name: "provision_nodes",
    group: "deploy_overcloud",
    description: "puts the overcloud's operating system and network configuration onto the nodes",
    hosts: ["undercloud"],
    needs: ["gen_ssh_key", "introspect_nodes", "provision_networks"],
    only: "metalsmith",
    timeoutSeconds: 2 * HOUR,
  },
  {
    name: "run_deploy_overcloud",
    group: "deploy_overcloud",
    description: "deploys the overcloud; done when both the command and the stack say so",
    hosts: ["undercloud"],
    needs: [
      ...["gen_ssh_key", "setup_vlan", "tune_undercloud", "create_flavors"],
      ...["build_heat_config", "prepare_containers", "provision_vips", "provision_nodes"],
    ],
    timeoutSeconds: 6 * HOUR,
  },
  {
    name: "simulate_compute_node",
    group: "simulate_compute_node",
    description: "takes the configuration of a real compute and starts simulated ones with it",
    hosts: ["hypervisor", "overcloud"],
    needs: ["run_deploy_overcloud"],
    timeoutSeconds: 2 * HOUR,
  },
] as const satisfies readonly StepFacts[];

/** Name of a step. */
export type StepName = (typeof CATALOGUE)[number]["name"];

/** A step of one release: `needs` has only steps of that release. */
export type ReleaseStep = Omit<StepFacts, "name" | "needs"> & {
  name: StepName;
  needs: readonly StepName[];
};

/** The steps of a release, each after those that it needs. */
export function stepsOf(release: Release): ReleaseStep[] {
  const { nodesBy } = factsOf(release);
  const steps: readonly StepFacts[] = CATALOGUE;
  const present = steps.filter(({ only }) => only === undefined || only === nodesBy);
  const names = new Set(present.map(({ name }) => name));
  return inOrder(
    present.map((step) => ({
      ...step,
      name: step.name as StepName,
      needs: step.needs.filter((need) => names.has(need)) as StepName[],
    })),
  );
}

/** What the stack's configuration says about steps. */
export interface Choice {
  /** Steps and groups to run, in any order; empty: all. */
  steps: readonly string[];
  /** Steps and groups to leave out, also of those that `steps` names. */
  skip: readonly string[];
  confirm: Confirmations;
}

/** Steps that run, and why not if the choice makes no sense. */
export interface Selection {
  /** In dependency order. Those that do not need each other may run side by side. */
  steps: ReleaseStep[];
  problems: Problem[];
}

/**
 * The steps that a choice means for a release. A destructive step is among them only if it is confirmed: named by
 * itself without confirmation it is a problem, as part of a group or of everything it is left out.
 */
export function selectSteps(release: Release, choice: Choice): Selection {
  const all = stepsOf(release);
  const problems = [
    ...unknownNames(release, "steps", choice.steps),
    ...unknownNames(release, "skip", choice.skip),
  ];
  const asked = choice.steps.length === 0 ? all : matching(all, choice.steps);
  const skipped = new Set(matching(all, choice.skip).map(({ name }) => name));
  const steps = asked.filter((step) => !skipped.has(step.name) && isConfirmed(step, choice));
  for (const step of all) {
    if (!step.confirmedBy || isConfirmed(step, choice)) continue;
    if (!choice.steps.includes(step.name) || skipped.has(step.name)) continue;
    problems.push({
      key: "steps",
      value: step.name,
      message: `destroys ${step.destroys}; set confirm.${step.confirmedBy} to a value that it has not had yet, to let it`,
      involves: [`confirm.${step.confirmedBy}`],
    });
  }
  return { steps, problems };
}

/** Whether settings choose any of these steps. */
export function selects(
  settings: Choice & { overcloud: { release: Release } },
  ...names: StepName[]
): boolean {
  return selectSteps(settings.overcloud.release, settings).steps.some(({ name }) =>
    names.includes(name),
  );
}

function isConfirmed({ confirmedBy }: ReleaseStep, { confirm }: Choice): boolean {
  return confirmedBy === undefined || confirm[confirmedBy] !== "";
}

function matching(steps: readonly ReleaseStep[], names: readonly string[]): ReleaseStep[] {
  return steps.filter(({ name, group }) => names.includes(name) || names.includes(group));
}

function unknownNames(release: Release, key: string, names: readonly string[]): Problem[] {
  const all = stepsOf(release);
  const known = new Set<string>([...GROUPS, ...all.map(({ name }) => name)]);
  return [...new Set(names)]
    .filter((name) => !known.has(name))
    .map((name) => {
      const releases = RELEASES.filter((each) => stepsOf(each).some((step) => step.name === name));
      const what =
        releases.length > 0 ? `is no step of ${release} (of ${releases.join(", ")})` : "is no step";
      return {
        key,
        value: name,
        message: `${what}; there are ${[...known].join(", ")}`,
        involves: ["overcloud.release"],
      };
    });
}

/** The same steps, each after those it needs; as they come where nothing decides. */
export function inOrder<T extends { name: string; needs: readonly string[] }>(
  steps: readonly T[],
): T[] {
  const byName = new Map(steps.map((step) => [step.name, step]));
  const ordered = new Set<T>();
  const visit = (step: T, path: readonly string[]): void => {
    if (ordered.has(step)) return;
    if (path.includes(step.name)) {
      throw new Error(`steps need each other: ${[...path, step.name].join(" → ")}`);
    }
    for (const need of step.needs) {
      const needed = byName.get(need);
      if (needed) visit(needed, [...path, step.name]);
    }
    ordered.add(step);
  };
  for (const step of steps) visit(step, []);
  return [...ordered];
}
