import * as libvirt from "@pulumi/libvirt";
import * as pulumi from "@pulumi/pulumi";
import { Step } from "../step/step.ts";
import { cloudInitOf } from "./cloud-init.ts";
import type { DomainType } from "./domain-type.ts";
import type { NodePlan } from "./plan.ts";
import { DOMAIN_STYLESHEET, kernelArguments } from "./stylesheets.ts";

export interface LibvirtNodeArgs {
  node: NodePlan;
  domainType: DomainType;
  /** Made on the node, with sudo. */
  user: string;
  publicKey: pulumi.Input<string>;
  provider: libvirt.Provider;
  /** Storage pool of the node's disks. */
  pool: pulumi.Input<string>;
  /** Volume that the node's disk starts from. */
  baseVolumeId: pulumi.Input<string>;
  /** Volumes of a kernel that QEMU boots itself, and its arguments. */
  boot?: {
    kernel: pulumi.Input<string>;
    initrd?: pulumi.Input<string>;
    cmdline: string;
  };
  networks: { provisioning: libvirt.Network; external: libvirt.Network };
  /** Whether Pulumi refuses to remove or replace the node and its disk. */
  protect: boolean;
  /** With each new value the node is made anew, with its disk. Default: never. */
  rebuild?: pulumi.Input<string>;
  /** Who may log in to it, the likeliest first: before a deployment, and after it. */
  users: string[];
  /** ssh configuration by which the node is found. */
  configFile: string;
  /** The stack's folder of outputs. */
  outputDirectory: string;
}

/** Seconds until a new node takes the stack's key; under emulation on a busy machine its first boot takes minutes. */
const FIRST_BOOT_SECONDS = 900;

/** One virtual machine with its disk and its cloud-init data. */
export class LibvirtNode extends pulumi.ComponentResource {
  readonly domain: libvirt.Domain;
  /** Created once the node takes the stack's key. */
  readonly ready: Step;

  constructor(name: string, args: LibvirtNodeArgs, options?: pulumi.ComponentResourceOptions) {
    super("overcloud:index:LibvirtNode", name, {}, options);
    const { node, provider, protect, networks, boot } = args;
    const resource = { parent: this, provider };
    const anew = args.rebuild !== undefined && { replacementTrigger: args.rebuild };
    const logs = `${args.outputDirectory}/logs`;

    const disk = new libvirt.Volume(
      `${name}-disk`,
      {
        name: `${node.domainName}.qcow2`,
        pool: args.pool,
        format: "qcow2",
        baseVolumeId: args.baseVolumeId,
        size: node.diskGb * 2 ** 30,
      },
      { ...resource, protect, deleteBeforeReplace: true, ...anew },
    );

    const cloudInit = pulumi
      .output(args.publicKey)
      .apply((publicKey) => cloudInitOf(node, { user: args.user, publicKey }));
    const file = `${args.outputDirectory}/cloud-init/${node.name}.iso`;
    const written = new Step(
      `${name}-cloud-init`,
      {
        directory: logs,
        run: { action: "libvirt/cloud-init", args: { file }, timeoutSeconds: 60 },
        remove: { action: "libvirt/remove-cloud-init", args: { file }, timeoutSeconds: 60 },
        input: cloudInit.apply((documents) => JSON.stringify(documents)),
      },
      { parent: this },
    );
    const seed = new libvirt.Volume(
      `${name}-cloud-init`,
      {
        // The content is in the name: a new one is made beside the old one, which the running domain holds.
        name: pulumi.interpolate`${node.domainName}-${cloudInit.digest}.iso`,
        pool: args.pool,
        source: file,
      },
      { ...resource, dependsOn: [written] },
    );

    this.domain = new libvirt.Domain(
      name,
      {
        name: node.domainName,
        type: args.domainType,
        cpu: { mode: args.domainType === "kvm" ? "host-passthrough" : "maximum" },
        vcpu: node.vcpus,
        memory: node.memoryMb,
        ...(boot && {
          kernel: boot.kernel,
          ...(boot.initrd !== undefined && { initrd: boot.initrd }),
          cmdlines: kernelArguments(boot.cmdline),
        }),
        disks: [{ volumeId: disk.id }],
        // As the provider's own resource would name it.
        cloudinit: pulumi.interpolate`${seed.id};${cloudInit.digest}`,
        // In this order: what is installed on nodes knows their first card as the provisioning network's.
        networkInterfaces: [
          { networkId: networks.provisioning.id, mac: node.provisioning.mac, waitForLease: false },
          { networkId: networks.external.id, mac: node.external.mac, waitForLease: false },
        ],
        consoles: [{ type: "pty", targetPort: "0", targetType: "serial" }],
        xml: { xslt: DOMAIN_STYLESHEET },
        autostart: true,
        running: true,
      },
      {
        ...resource,
        ...anew,
        protect,
        deleteBeforeReplace: true,
        // The provider takes changes of these and does nothing about them.
        replaceOnChanges: [
          "cloudinit",
          "kernel",
          "initrd",
          "networkInterfaces[*].networkId",
          "networkInterfaces[*].mac",
        ],
        // An overcloud node's power is its BMC's affair: bare metal services switch it, and `up` does not interfere.
        ignoreChanges: node.role === "undercloud" ? [] : ["running"],
      },
    );

    this.ready = new Step(
      `wait-for-${name}`,
      {
        directory: logs,
        run: {
          action: "libvirt/wait",
          args: { configFile: args.configFile, node: node.name, users: args.users },
          timeoutSeconds: FIRST_BOOT_SECONDS,
        },
        rerunOn: pulumi.all([this.domain.id]),
      },
      { parent: this, dependsOn: [this.domain] },
    );
    this.registerOutputs({});
  }
}
