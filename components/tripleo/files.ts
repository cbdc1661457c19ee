import * as pulumi from "@pulumi/pulumi";
import type { Settings } from "../../config/schema.ts";
import { stackVariables, tripleoInventory } from "../access/documents.ts";
import { planComputes } from "../compute/plan.ts";
import { INVENTORY_FILE } from "../control-plane.ts";
import type { Credentials } from "../credentials/derive.ts";
import { deployedUsers, firstUsers } from "../libvirt/access.ts";
import type { TopologyPlan } from "../libvirt/plan.ts";
import { sshPaths } from "../libvirt/ssh-files.ts";
import { factsOf } from "../overcloud/release.ts";
import { selects } from "../overcloud/steps.ts";
import { Step } from "../step/step.ts";

export interface TripleoFilesArgs {
  settings: Settings;
  stack: string;
  plan: TopologyPlan;
  credentials: pulumi.Output<Credentials>;
  /** Where the files go; removed with everything in it when the stack is destroyed. */
  outputDirectory: string;
  /** Changes when the files have to be written again; see components/upkeep. */
  epoch: string;
}

/** The inventory of our own playbooks and the BMCs' password for them, mode 0600, in the stack's output folder. */
export class TripleoFiles extends pulumi.ComponentResource {
  readonly inventory: string;
  readonly bmcPassword: string;

  constructor(name: string, args: TripleoFilesArgs, options?: pulumi.ComponentResourceOptions) {
    super("overcloud:index:TripleoFiles", name, {}, options);
    const { settings, stack, plan, outputDirectory } = args;
    const { keyFile } = sshPaths(outputDirectory);
    const names = { inventory: INVENTORY_FILE, bmcPassword: "overcloud/bmc-password" };
    this.inventory = `${outputDirectory}/${names.inventory}`;
    this.bmcPassword = `${outputDirectory}/${names.bmcPassword}`;
    const inventory = tripleoInventory(
      plan,
      { users: usersOf(settings), keyFile },
      planComputes(settings, stack),
      stackVariables(settings, stack, outputDirectory),
    );
    const files = { directory: outputDirectory, names: Object.values(names) };
    new Step(
      "tripleo-files",
      {
        directory: `${outputDirectory}/logs`,
        run: { action: "access/write", args: files },
        remove: { action: "access/remove", args: files },
        input: pulumi.secret(
          args.credentials.apply(({ bmcPassword }) =>
            JSON.stringify({ [names.inventory]: inventory, [names.bmcPassword]: bmcPassword }),
          ),
        ),
        rerunOn: [args.epoch],
      },
      { parent: this },
    );
    this.registerOutputs({});
  }
}

/** Our own playbooks use none of the overcloud's nodes before they are deployed. */
function usersOf(settings: Settings) {
  const { libvirt, overcloud } = settings;
  return selects(settings, "run_deploy_overcloud", "simulate_compute_node")
    ? deployedUsers(libvirt.user, factsOf(overcloud.release).overcloudUser)
    : firstUsers(libvirt.user);
}
