import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import type { BmcPlan } from "../bmc/plan.ts";
import { VirtualBmc } from "../bmc/virtual-bmc.ts";
import type { DomainType } from "../libvirt/domain-type.ts";
import type { MachinesPlan } from "../libvirt/plan.ts";
import { LibvirtTopology, type BootFiles } from "../libvirt/topology.ts";
import { NodeImage } from "../node-image/node-image.ts";
import { PROJECT_DIRECTORY } from "../project.ts";
import { controlNodeOf } from "./control-node.ts";
import { controlNodeSeed } from "./node.ts";
import type { PlacedArgs } from "./placed.ts";

export interface MachinesArgs extends PlacedArgs {
  machines: MachinesPlan;
  bmcs: BmcPlan[];
  domainType: DomainType;
  /** See NodeImageArgs.contentHash. */
  nodeImageHash: string;
}

/** The virtual machines of a standalone stack: the control plane's node, where there is one, and bare metal. */
export class StandaloneMachines extends pulumi.ComponentResource {
  readonly topology: LibvirtTopology;

  constructor(name: string, args: MachinesArgs, options?: pulumi.ComponentResourceOptions) {
    super("overcloud:index:StandaloneMachines", name, {}, options);
    const { settings, machines, bmcs, outputDirectory, epoch, credentials } = args;
    const node = controlNodeOf(machines);
    const seed = controlNodeSeed(machines, args);
    this.topology = new LibvirtTopology(
      "topology",
      {
        settings: settings.libvirt,
        names: settings.names,
        plan: machines,
        domainType: args.domainType,
        sshKey: credentials.apply(({ sshKey }) => sshKey),
        outputDirectory,
        epoch,
        ...(node && { bootFiles: this.#nodeImage(args) }),
        ...(node && seed && { seeds: new Map([[node.name, seed]]) }),
      },
      { parent: this },
    );
    if (bmcs.length > 0) {
      new VirtualBmc(
        "virtual-bmc",
        {
          bmcs,
          password: credentials.apply(({ bmcPassword }) => bmcPassword),
          libvirtUri: settings.libvirt.uri,
          outputDirectory,
          program: join(PROJECT_DIRECTORY, ".toolchain/virtualbmc/bin/vbmcd"),
          epoch,
          domains: new Map([...this.topology.nodes].map(([each, { domain }]) => [each, domain])),
        },
        { parent: this },
      );
    }
    this.registerOutputs({});
  }

  #nodeImage({ imageId, nodeImageHash, domainType, outputDirectory }: MachinesArgs): BootFiles {
    const image = new NodeImage(
      "node-image",
      {
        imageId,
        contentHash: nodeImageHash,
        domainType,
        cacheDirectory: join(PROJECT_DIRECTORY, ".toolchain/node-images"),
        outputDirectory,
      },
      { parent: this },
    );
    const id = image.hash;
    return {
      disk: { file: image.disk, id },
      kernel: { file: image.kernel, id },
      initrd: { file: image.initrd, id },
      cmdline: image.cmdline,
      madeBy: [image],
    };
  }
}
