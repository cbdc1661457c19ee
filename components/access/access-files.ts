import * as pulumi from "@pulumi/pulumi";
import type { Settings } from "../../config/schema.ts";
import { ACCESS_FILES } from "../control-plane.ts";
import { planComputes } from "../compute/plan.ts";
import type { Credentials } from "../credentials/derive.ts";
import type { ControlPlanePlan } from "../standalone/plan.ts";
import { Step } from "../step/step.ts";
import { cloudsYaml, inventory, openrc, stackVariables } from "./documents.ts";

export interface AccessFilesArgs {
  settings: Settings;
  /** Name of the stack, and of the cloud in clouds.yaml. */
  stack: string;
  /** Where the files go; removed with everything in it when the stack is destroyed. */
  directory: string;
  plan: ControlPlanePlan;
  credentials: pulumi.Output<Credentials>;
  /** Changes when the files have to be written again; see components/upkeep. */
  epoch: string;
}

/** clouds.yaml, openrc and the ansible inventory, mode 0600, in the stack's output folder. */
export class AccessFiles extends pulumi.ComponentResource {
  readonly cloudsYaml: string;
  readonly openrc: string;
  readonly inventory: string;

  constructor(name: string, args: AccessFilesArgs, options?: pulumi.ComponentResourceOptions) {
    super("overcloud:index:AccessFiles", name, {}, options);
    const { settings, stack, directory, plan } = args;
    this.cloudsYaml = `${directory}/clouds.yaml`;
    this.openrc = `${directory}/openrc`;
    this.inventory = `${directory}/inventory.yml`;
    const contents = args.credentials.apply(({ passwords }) => {
      const access = {
        cloud: stack,
        authUrl: plan.endpoints.keystone.public,
        adminPassword: passwords.admin,
      };
      return JSON.stringify({
        "clouds.yaml": cloudsYaml(access),
        openrc: openrc(access),
        "inventory.yml": inventory(
          plan.services,
          planComputes(settings, stack),
          stackVariables(settings, stack, directory),
        ),
      });
    });
    const files = { directory, names: ACCESS_FILES };
    new Step(
      "access-files",
      {
        directory: `${directory}/logs`,
        run: { action: "access/write", args: files },
        remove: { action: "access/remove", args: files },
        input: pulumi.secret(contents),
        rerunOn: [args.epoch],
      },
      { parent: this },
    );
    this.registerOutputs({});
  }
}
