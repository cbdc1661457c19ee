import * as pulumi from "@pulumi/pulumi";
import type { SshKey } from "../credentials/derive.ts";
import { Step } from "../step/step.ts";
import { firstUsers, sshConfig } from "./access.ts";
import type { MachinesPlan } from "./plan.ts";

export interface SshFilesArgs {
  plan: MachinesPlan;
  /** Secret. */
  key: pulumi.Output<SshKey>;
  /** Who logs in to the undercloud before it is installed. */
  user: string;
  /** The stack's folder of outputs. */
  outputDirectory: string;
  /** Changes when the files have to be written again; see components/upkeep. */
  epoch: string;
}

/** Paths of the stack's ssh key and configuration. */
export function sshPaths(outputDirectory: string) {
  const directory = `${outputDirectory}/ssh`;
  return {
    directory,
    keyFile: `${directory}/id_ed25519`,
    publicKeyFile: `${directory}/id_ed25519.pub`,
    configFile: `${directory}/config`,
  };
}

/** The stack's ssh key and a configuration that knows its nodes, mode 0600, in the stack's output folder. */
export class SshFiles extends pulumi.ComponentResource {
  readonly keyFile: string;
  readonly configFile: string;

  constructor(name: string, args: SshFilesArgs, options?: pulumi.ComponentResourceOptions) {
    super("overcloud:index:SshFiles", name, {}, options);
    const { directory, keyFile, configFile } = sshPaths(args.outputDirectory);
    this.keyFile = keyFile;
    this.configFile = configFile;
    const config = sshConfig(args.plan, { users: firstUsers(args.user), keyFile });
    new Step(
      "ssh-files",
      {
        directory: `${args.outputDirectory}/logs`,
        run: { action: "libvirt/ssh-files", args: { directory, config } },
        remove: { action: "libvirt/remove-ssh-files", args: { directory } },
        input: pulumi.secret(args.key.apply((key) => JSON.stringify(key))),
        rerunOn: [args.epoch],
      },
      { parent: this },
    );
    this.registerOutputs({ keyFile, configFile });
  }
}
