import type * as pulumi from "@pulumi/pulumi";
import type { ControlPlane, ControlPlaneArgs } from "./control-plane.ts";
import { playbookHash, userFilesHash } from "./overcloud/overcloud.ts";
import { StandaloneControlPlane } from "./standalone/control-plane.ts";
import { TripleoControlPlane } from "./tripleo/control-plane.ts";

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
