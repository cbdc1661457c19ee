import * as pulumi from "@pulumi/pulumi";
import { Step } from "../step/step.ts";
import type { BmcPlan } from "./plan.ts";

export interface VirtualBmcArgs {
  bmcs: BmcPlan[];
  /** At most 20 characters; secret. */
  password: pulumi.Output<string>;
  /** Where libvirt answers. */
  libvirtUri: string;
  /** The stack's folder of outputs. */
  outputDirectory: string;
  /** Path of vbmcd. */
  program: string;
  /** Changes when daemon and BMCs have to be made sure of again; see components/upkeep. */
  epoch: string;
  /** The domain of each node, by the node's name. */
  domains: ReadonlyMap<string, pulumi.Resource>;
}

/** The stack's folder for its BMCs. */
export function bmcDirectory(outputDirectory: string): string {
  return `${outputDirectory}/bmc`;
}

/** A daemon of the stack's own on the hypervisor, and in it one virtual BMC for each overcloud node. */
export class VirtualBmc extends pulumi.ComponentResource {
  /** Each is created once its BMC answers. */
  readonly ready: Step[];

  constructor(name: string, args: VirtualBmcArgs, options?: pulumi.ComponentResourceOptions) {
    super("overcloud:index:VirtualBmc", name, {}, options);
    const { outputDirectory, program, epoch, libvirtUri } = args;
    const directory = bmcDirectory(outputDirectory);
    const logs = `${outputDirectory}/logs`;
    const daemon = new Step(
      `${name}-daemon`,
      {
        directory: logs,
        run: { action: "bmc/start", args: { directory, program }, timeoutSeconds: 60 },
        remove: { action: "bmc/stop", args: { directory }, timeoutSeconds: 60 },
        rerunOn: [epoch],
      },
      { parent: this },
    );
    this.ready = args.bmcs.map(({ node, ...bmc }) => {
      const domain = args.domains.get(node);
      const { domainName, address, port } = bmc;
      return new Step(
        `${node}-bmc`,
        {
          directory: logs,
          run: {
            action: "bmc/add",
            args: { ...bmc, directory, libvirtUri },
            timeoutSeconds: 120,
          },
          remove: {
            action: "bmc/remove",
            args: { directory, domainName, address, port },
            timeoutSeconds: 60,
          },
          input: pulumi.secret(args.password),
          // With a new daemon each BMC is made sure of again.
          rerunOn: [epoch],
        },
        { parent: this, dependsOn: domain ? [daemon, domain] : [daemon], deletedWith: daemon },
      );
    });
    this.registerOutputs({});
  }
}
