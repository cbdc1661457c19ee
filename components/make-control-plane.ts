import type * as pulumi from "@pulumi/pulumi";
import { ACCESS_FILES, type ControlPlane, type ControlPlaneArgs } from "./control-plane.ts";
import type { Settings } from "../config/schema.ts";
import { INVENTORY_FILES } from "./infrared/workspace.ts";
import { SSH_FILES } from "./libvirt/ssh-files.ts";
import { playbookHash, userFilesHash, VARIABLES_FILE } from "./overcloud/overcloud.ts";
import { StandaloneControlPlane } from "./standalone/control-plane.ts";
import { TripleoControlPlane } from "./tripleo/control-plane.ts";

/** Names of the files in the output folder that a deployed stack has; without one of them it is to be repaired. */
export function deployedFiles({ controlPlane }: Settings): readonly string[] {
  if (controlPlane === "standalone") return ACCESS_FILES;
  return [...ACCESS_FILES, ...INVENTORY_FILES, ...SSH_FILES, VARIABLES_FILE];
}

/** The control plane that the settings ask for. */
export async function makeControlPlane(
  name: string,
  args: ControlPlaneArgs,
  options?: pulumi.ComponentResourceOptions,
): Promise<ControlPlane> {
  const { controlPlane, overcloud } = args.settings;
  if (controlPlane === "standalone") return new StandaloneControlPlane(name, args, options);
  const hashes = {
    playbookHash: await playbookHash(),
    userFilesHash: await userFilesHash(overcloud.environmentFiles),
  };
  return new TripleoControlPlane(name, { ...args, ...hashes }, options);
}
