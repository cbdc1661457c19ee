import type * as pulumi from "@pulumi/pulumi";
import { accessFiles, type ControlPlane, type ControlPlaneArgs } from "./control-plane.ts";
import type { Settings } from "../config/schema.ts";
import { INVENTORY_FILES } from "./infrared/inventory.ts";
import { SSH_FILES } from "./libvirt/access.ts";
import { VARIABLES_FILE } from "./overcloud/vars.ts";
import { StandaloneControlPlane } from "./standalone/control-plane.ts";

/** Names of the files in the output folder that a deployed stack has; without one of them it is to be repaired. */
export function deployedFiles(settings: Settings): readonly string[] {
  const own = [...INVENTORY_FILES, ...SSH_FILES, VARIABLES_FILE];
  return [...accessFiles(settings), ...(settings.controlPlane === "tripleo" ? own : [])];
}

/** In words, what is not there any more of what a control plane has on this machine besides containers and files. */
export async function lostOf(
  settings: Settings,
  stack: string,
  outputDirectory: string,
): Promise<{ ended: string[]; missing: string[] }> {
  if (settings.controlPlane === "standalone") return { ended: [], missing: [] };
  const { missingPassage } = await import("./tripleo/passage.ts");
  const { endedDaemon } = await import("./bmc/daemon.ts");
  const { bmcDirectory } = await import("./bmc/virtual-bmc.ts");
  return {
    ended: endedDaemon(bmcDirectory(outputDirectory)),
    missing: await missingPassage(settings, stack),
  };
}

/** The control plane that the settings ask for. */
export async function makeControlPlane(
  name: string,
  args: ControlPlaneArgs,
  options?: pulumi.ComponentResourceOptions,
): Promise<ControlPlane> {
  const { controlPlane, overcloud } = args.settings;
  if (controlPlane === "standalone") return new StandaloneControlPlane(name, args, options);
  // Loaded where it is needed alone: every preview and update of a standalone cloud starts faster without.
  const { TripleoControlPlane } = await import("./tripleo/control-plane.ts");
  const { playbookHash, userFilesHash } = await import("./overcloud/overcloud.ts");
  const hashes = {
    playbookHash: await playbookHash(),
    userFilesHash: await userFilesHash(overcloud.environmentFiles),
  };
  return new TripleoControlPlane(name, { ...args, ...hashes }, options);
}
