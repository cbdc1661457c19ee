import * as pulumi from "@pulumi/pulumi";
import type { Settings } from "../../config/schema.ts";
import type { BmcPlan } from "../bmc/plan.ts";
import { accessFiles, BMC_PASSWORD_FILE, INVENTORY_FILE } from "../control-plane.ts";
import { planComputes } from "../compute/plan.ts";
import type { Credentials } from "../credentials/derive.ts";
import type { MachinesPlan } from "../libvirt/plan.ts";
import { sshPaths } from "../libvirt/ssh-files.ts";
import type { ControlPlanePlan } from "../standalone/plan.ts";
import { MICROVERSIONS } from "../standalone/services.ts";
import { Step } from "../step/step.ts";
import type { ApiCertificates } from "../tls/api-certificates.ts";
import { AUTHORITY_FILE } from "./authority.ts";
import { cloudsYaml, inventory, openrc, stackVariables } from "./documents.ts";

export interface AccessFilesArgs {
  settings: Settings;
  /** Name of the stack, and of the cloud in clouds.yaml. */
  stack: string;
  /** Where the files go; removed with everything in it when the stack is destroyed. */
  directory: string;
  plan: ControlPlanePlan;
  machines: MachinesPlan;
  bmcs: BmcPlan[];
  credentials: pulumi.Output<Credentials>;
  /** What the APIs speak TLS with, where they do. */
  certificates?: pulumi.Output<ApiCertificates>;
  /** Changes when the files have to be written again; see components/upkeep. */
  epoch: string;
  /** Docker hosts that computes are on already, by the computes' index. */
  placed?: ReadonlyMap<number, string>;
}

/**
 * clouds.yaml, openrc, the ansible inventory, the BMCs' password and the certificate that APIs are verified against, mode
 * 0600, in the stack's output folder.
 */
export class AccessFiles extends pulumi.ComponentResource {
  readonly cloudsYaml: string;
  readonly openrc: string;
  readonly inventory: string;
  /** Where there are nodes. */
  readonly sshConfig?: string;
  /** Where the APIs speak TLS. */
  readonly caCertificate?: string;
  /** What writes the files that a client of the cloud needs: all but the inventory, which is another with each number of computes. */
  readonly ofClients: readonly pulumi.Resource[];

  constructor(name: string, args: AccessFilesArgs, options?: pulumi.ComponentResourceOptions) {
    super("overcloud:index:AccessFiles", name, {}, options);
    const { settings, stack, directory, plan, machines, bmcs } = args;
    const { configFile } = sshPaths(directory);
    if (machines.networks.external) this.sshConfig = configFile;
    this.cloudsYaml = `${directory}/clouds.yaml`;
    this.openrc = `${directory}/openrc`;
    this.inventory = `${directory}/${INVENTORY_FILE}`;
    const { certificates } = args;
    if (certificates) this.caCertificate = `${directory}/${AUTHORITY_FILE}`;
    const contents = args.credentials.apply(({ passwords, bmcPassword }) => {
      const access = {
        cloud: stack,
        authUrl: plan.endpoints.keystone.public,
        adminPassword: passwords.admin,
        microversions: MICROVERSIONS,
        ...(this.caCertificate !== undefined && { authorityFile: this.caCertificate }),
      };
      return JSON.stringify({
        "clouds.yaml": cloudsYaml(access),
        openrc: openrc(access),
        ...(bmcs.length > 0 && { [BMC_PASSWORD_FILE]: bmcPassword }),
      });
    });
    const logs = `${directory}/logs`;
    const names = accessFiles(settings).filter((file) => file !== INVENTORY_FILE);
    const written = new Step(
      "access-files",
      {
        directory: logs,
        run: { action: "access/write", args: { directory, names } },
        remove: { action: "access/remove", args: { directory, names } },
        input: pulumi.secret(contents),
        rerunOn: [args.epoch],
      },
      { parent: this },
    );
    const certificate =
      certificates &&
      new Step(
        "ca-certificate",
        {
          directory: logs,
          run: { action: "access/write", args: { directory, names: [AUTHORITY_FILE] } },
          remove: { action: "access/forget", args: { directory, names: [AUTHORITY_FILE] } },
          input: certificates.apply(({ authority }) =>
            JSON.stringify({ [AUTHORITY_FILE]: authority }),
          ),
          rerunOn: [args.epoch],
        },
        // Removed before the folder is, and after who used it has others.
        { parent: this, dependsOn: [written] },
      );
    this.ofClients = [written, ...(certificate ? [certificate] : [])];
    const hosts = inventory(
      plan.services,
      planComputes(settings, stack, args.placed),
      stackVariables(settings, stack, directory),
      { machines, bmcs, configFile, bmcPasswordFile: `${directory}/${BMC_PASSWORD_FILE}` },
    );
    // It is removed with the folder.
    new Step(
      "inventory",
      {
        directory: logs,
        run: { action: "access/write", args: { directory, names: [INVENTORY_FILE] } },
        input: JSON.stringify({ [INVENTORY_FILE]: hosts }),
        rerunOn: [args.epoch],
      },
      { parent: this },
    );
    this.registerOutputs({});
  }
}
