import type * as pulumi from "@pulumi/pulumi";
import {
  ACCESS_FILES,
  accessFiles,
  type ControlPlane,
  type ControlPlaneArgs,
} from "./control-plane.ts";
import { missingAuthority } from "./access/authority.ts";
import { placementOf, type LivingCloud } from "../config/host.ts";
import type { Settings } from "../config/schema.ts";
import { hasMachines, runsOnNode } from "../config/standalone.ts";
import { contentHash } from "./image/content-hash.ts";
import { INVENTORY_FILES } from "./infrared/inventory.ts";
import { SSH_FILES } from "./libvirt/access.ts";
import { VARIABLES_FILE } from "./overcloud/vars.ts";
import { CONTROL_NODE } from "./standalone/control-node.ts";
import { StandaloneControlPlane } from "./standalone/control-plane.ts";

/** What a stack has once it is deployed; without some of it, it is to be repaired. */
export interface DeployedParts {
  /** Names of files in its output folder. */
  files: readonly string[];
  /** Names of libvirt domains that `up` keeps running. */
  domains: readonly string[];
}

/**
 * The parts of a stack with these settings that were there before.
 * @param living what is deployed: a control plane that moves to a node has had none so far
 */
export function deployedParts(settings: Settings, living: LivingCloud | undefined): DeployedParts {
  if (settings.controlPlane === "tripleo") {
    // An undercloud is seen to by Pulumi alone: nothing waits for it once it is installed.
    const own = [...INVENTORY_FILES, ...SSH_FILES, VARIABLES_FILE];
    return { files: [...accessFiles(settings), ...own], domains: [] };
  }
  if (!runsOnNode(settings) || !living || placementOf(living) !== "node") {
    return { files: ACCESS_FILES, domains: [] };
  }
  return {
    files: [...ACCESS_FILES, ...SSH_FILES],
    domains: [`${settings.names}-${CONTROL_NODE}`],
  };
}

/** In words, what is not there any more of what a control plane has on this machine besides containers and files. */
export async function lostOf(
  settings: Settings,
  stack: string,
  { outputDirectory, domains }: Pick<DeployedParts, "domains"> & { outputDirectory: string },
): Promise<{ ended: string[]; missing: string[] }> {
  const files = settings.tls ? await missingAuthority(outputDirectory) : [];
  // Loaded where it is needed alone, as below.
  if (settings.controlPlane === "standalone" && !hasMachines(settings)) {
    return { ended: [], missing: files };
  }
  const { endedDaemon } = await import("./bmc/daemon.ts");
  const { bmcDirectory } = await import("./bmc/virtual-bmc.ts");
  const { switchedOff } = await import("./libvirt/power.ts");
  const { missingPassage } = await import("./tripleo/passage.ts");
  const off = await switchedOff(settings.libvirt.uri, domains);
  return {
    ended: endedDaemon(bmcDirectory(outputDirectory)),
    missing: [
      ...files,
      ...off.map(({ name, state }) => `virtual machine ${name} is ${state}`),
      ...(await missingPassage(settings, stack)),
    ],
  };
}

/** The control plane that the settings ask for. */
export async function makeControlPlane(
  name: string,
  args: ControlPlaneArgs,
  options?: pulumi.ComponentResourceOptions,
): Promise<ControlPlane> {
  const { controlPlane, overcloud } = args.settings;
  // What follows is loaded where it is needed alone: every preview and update of a cloud in containers starts faster without.
  if (controlPlane === "standalone") {
    const machinery = hasMachines(args.settings) && (await loadMachinery());
    return new StandaloneControlPlane(name, { ...args, ...(machinery && { machinery }) }, options);
  }
  const { TripleoControlPlane } = await import("./tripleo/control-plane.ts");
  const { playbookHash, userFilesHash } = await import("./overcloud/overcloud.ts");
  const hashes = {
    playbookHash: await playbookHash(),
    userFilesHash: await userFilesHash(overcloud.environmentFiles),
  };
  return new TripleoControlPlane(name, { ...args, ...hashes }, options);
}

async function loadMachinery() {
  const { StandaloneMachines } = await import("./standalone/machines.ts");
  const { NODE_IMAGE_CONTEXT } = await import("./node-image/node-image.ts");
  return { StandaloneMachines, nodeImageHash: await contentHash(NODE_IMAGE_CONTEXT) };
}
