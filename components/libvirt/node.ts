import { createHash } from "node:crypto";
import * as libvirt from "@pulumi/libvirt";
import * as pulumi from "@pulumi/pulumi";
import { Step } from "../step/step.ts";
import { CLOUD_INIT_LABEL, cloudInitOf, type LogIn } from "./cloud-init.ts";
import { consoleLogOf } from "./console.ts";
import type { DomainType } from "./domain-type.ts";
import type { MachinePlan, NetworkName, NodePlan } from "./plan.ts";
import {
  DOMAIN_STYLESHEET,
  kernelArguments,
  keptNodeStylesheet,
  PRIVATE_VOLUME_STYLESHEET,
} from "./stylesheets.ts";

/** How a node is told by cloud-init who may log in. */
export interface CloudInitArgs extends Pick<LogIn, "user"> {
  publicKey: pulumi.Input<string>;
  /** ssh configuration by which the node is found. */
  configFile: string;
  /** Who may log in to it, the likeliest first: before a deployment, and after it. */
  users: string[];
}

/** What makes a node that is configured from outside: with another seed it is made anew, and keeps its data. */
export interface SeedArgs {
  /** Volume label of the seed's disk. */
  label: string;
  /** Files of the seed by name; secret. */
  documents: pulumi.Output<Record<string, string>>;
  /** Size in GiB of its data volume, which is made once. */
  dataGb: number;
}

export interface LibvirtNodeArgs {
  node: MachinePlan;
  domainType: DomainType;
  provider: libvirt.Provider;
  /** Where libvirt answers. */
  uri: string;
  /** Storage pool of the node's disks. */
  pool: pulumi.Input<string>;
  /** Volume that the node's disk starts from. Default: the disk is blank. */
  baseVolumeId?: pulumi.Input<string>;
  /** Volumes of a kernel that QEMU boots itself, and its arguments. Default: the network, then the disk. */
  boot?: {
    kernel: pulumi.Input<string>;
    initrd?: pulumi.Input<string>;
    cmdline: pulumi.Input<string>;
  };
  networks: Partial<Record<NetworkName, libvirt.Network>>;
  /** Whether Pulumi refuses to remove or replace the node and its disk. */
  protect: boolean;
  /** With each new value the node is made anew, with its disk. Default: never. */
  rebuild?: pulumi.Input<string>;
  /** The stack's folder of outputs. */
  outputDirectory: string;
  /** Changes when files have to be written again; see components/upkeep. */
  epoch: string;
  cloudInit?: CloudInitArgs;
  seed?: SeedArgs;
}

/** Seconds until a new node takes the stack's key; under emulation on a busy machine its first boot takes minutes. */
const FIRST_BOOT_SECONDS = 900;

/** Seconds that a node with data gets to end its services; emulated, it takes its time. */
const SHUTDOWN_SECONDS: Record<DomainType, number> = { kvm: 60, qemu: 180 };

/** One virtual machine with its disks and what it is told. */
export class LibvirtNode extends pulumi.ComponentResource {
  readonly domain: libvirt.Domain;
  /** Created once a node with cloud-init takes the stack's key. */
  readonly ready?: Step;
  readonly #name: string;
  readonly #args: LibvirtNodeArgs;
  readonly #logs: string;

  constructor(name: string, args: LibvirtNodeArgs, options?: pulumi.ComponentResourceOptions) {
    super("overcloud:index:LibvirtNode", name, {}, options);
    const { node, provider, protect, networks, boot, cloudInit } = args;
    this.#name = name;
    this.#args = args;
    this.#logs = `${args.outputDirectory}/logs`;
    const resource = { parent: this, provider };
    const seed = args.seed && {
      ...this.#seedDisk("seed", args.seed.label, {
        documents: args.seed.documents,
        digest: args.seed.documents.apply(digestOf),
      }),
      ...this.#kept(args.seed),
    };
    // A node of another configuration starts from its image again, not from what the old one left on its disk.
    const rebuild = seed?.digest ?? args.rebuild;
    const anew = rebuild !== undefined && { replacementTrigger: rebuild };

    const disk = this.#volume(
      `${name}-disk`,
      {
        name: `${node.domainName}.qcow2`,
        format: "qcow2",
        ...(args.baseVolumeId !== undefined && { baseVolumeId: args.baseVolumeId }),
        ...(node.diskGb !== undefined && { size: node.diskGb * 2 ** 30 }),
      },
      { protect, deleteBeforeReplace: true, ...anew },
    );
    const cdrom = cloudInit ? this.#cloudInitDisk(cloudInit) : seed;

    const cards = (["provisioning", "external"] as const).flatMap((kind) => {
      const [card, network] = [node[kind], networks[kind]];
      return card && network ? { networkId: network.id, mac: card.mac, waitForLease: false } : [];
    });
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
          cmdlines: pulumi.output(boot.cmdline).apply(kernelArguments),
        }),
        disks: [{ volumeId: disk.id }, ...(seed ? [{ volumeId: seed.data.id }] : [])],
        // As the provider's own resource would name it.
        ...(cdrom && { cloudinit: pulumi.interpolate`${cdrom.volume.id};${cdrom.digest}` }),
        ...(node.role === "baremetal" && { bootDevices: [{ devs: ["network", "hd"] }] }),
        // In this order: what is installed on nodes knows their first card as the provisioning network's.
        networkInterfaces: cards,
        consoles: [{ type: "pty", targetPort: "0", targetType: "serial" }],
        xml: { xslt: seed ? keptNodeStylesheet(seed.consoleLog) : DOMAIN_STYLESHEET },
        // Nobody has switched bare metal on yet.
        autostart: node.role !== "baremetal",
        running: node.role !== "baremetal",
      },
      {
        ...resource,
        ...anew,
        ...(seed && { dependsOn: [seed.console] }),
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
        ignoreChanges: node.power === "pulumi" ? [] : ["running"],
      },
    );
    if (seed) this.#shutDownFirst();
    if (cloudInit) this.ready = this.#waitForLogIn(cloudInit);
    this.registerOutputs({});
  }

  /** A volume of the node's own, for nobody else on the hypervisor to read. */
  #volume(
    name: string,
    args: Omit<libvirt.VolumeArgs, "pool" | "xml">,
    options: pulumi.CustomResourceOptions,
  ): libvirt.Volume {
    const { pool, provider } = this.#args;
    return new libvirt.Volume(
      name,
      { ...args, pool, xml: { xslt: PRIVATE_VOLUME_STYLESHEET } },
      // How it was made is no reason to make it anew.
      { parent: this, provider, ignoreChanges: ["xml"], ...options },
    );
  }

  #cloudInitDisk({ user, publicKey }: CloudInitArgs) {
    const { node } = this.#args;
    if (!isOnBoth(node)) throw new Error(`${node.name} has one network card, cloud-init sets two`);
    const cloudInit = pulumi
      .output(publicKey)
      .apply((key) => cloudInitOf(node, { user, publicKey: key }));
    return this.#seedDisk("cloud-init", CLOUD_INIT_LABEL, {
      documents: cloudInit.documents,
      digest: cloudInit.digest,
    });
  }

  /** A CD-ROM with documents, and what tells it from one with others. */
  #seedDisk(
    kind: "cloud-init" | "seed",
    label: string,
    seed: { documents: pulumi.Output<Record<string, string>>; digest: pulumi.Output<string> },
  ) {
    const { node, outputDirectory } = this.#args;
    const file = `${outputDirectory}/${kind}/${node.name}.iso`;
    const digest = pulumi.unsecret(seed.digest);
    const written = new Step(
      `${this.#name}-${kind}`,
      {
        directory: this.#logs,
        run: { action: "libvirt/seed", args: { file, label }, timeoutSeconds: 60 },
        remove: { action: "libvirt/remove-seed", args: { file }, timeoutSeconds: 60 },
        input: seed.documents.apply((documents) => JSON.stringify(documents)),
      },
      { parent: this },
    );
    const volume = this.#volume(
      `${this.#name}-${kind}`,
      {
        // The content is in the name: a new one is made beside the old one, which the running domain holds.
        name: pulumi.interpolate`${node.domainName}-${digest}.iso`,
        source: file,
      },
      { dependsOn: [written] },
    );
    return { volume, digest };
  }

  /** What outlives the node: its data, and the log of its console. */
  #kept({ dataGb }: SeedArgs) {
    const { node, protect, outputDirectory, epoch } = this.#args;
    const data = this.#volume(
      `${this.#name}-data`,
      {
        name: `${node.domainName}-data.qcow2`,
        format: "qcow2",
        size: dataGb * 2 ** 30,
      },
      { protect, deleteBeforeReplace: true },
    );
    const consoleLog = consoleLogOf(outputDirectory, node.name);
    const console = new Step(
      `${this.#name}-console`,
      {
        directory: this.#logs,
        run: { action: "libvirt/console", args: { file: consoleLog }, timeoutSeconds: 60 },
        rerunOn: [epoch],
      },
      { parent: this },
    );
    return { data, consoleLog, console };
  }

  /** Before the domain is removed, its services end as they should; the provider would pull the plug. */
  #shutDownFirst(): void {
    const { uri, domainType } = this.#args;
    const graceSeconds = SHUTDOWN_SECONDS[domainType];
    new Step(
      `${this.#name}-shutdown`,
      {
        directory: this.#logs,
        // By its UUID: in place of a domain that is gone there may be a new one of the same name.
        remove: this.domain.id.apply((domain) => ({
          action: "libvirt/shut-down",
          args: { uri, domain, graceSeconds },
          timeoutSeconds: graceSeconds + 60,
        })),
        replaceOn: [this.domain.id],
      },
      { parent: this },
    );
  }

  #waitForLogIn({ configFile, users }: CloudInitArgs): Step {
    return new Step(
      `wait-for-${this.#name}`,
      {
        directory: this.#logs,
        run: {
          action: "libvirt/wait",
          args: { configFile, node: this.#args.node.name, users },
          timeoutSeconds: FIRST_BOOT_SECONDS,
        },
        rerunOn: pulumi.all([this.domain.id]),
      },
      { parent: this, dependsOn: [this.domain] },
    );
  }
}

function isOnBoth(node: MachinePlan): node is NodePlan {
  return node.provisioning !== undefined && node.external !== undefined;
}

/** A short text that changes with any of the documents; their secrets have too many bits to be guessed from it. */
function digestOf(documents: Record<string, string>): string {
  return createHash("sha256").update(JSON.stringify(documents)).digest("hex").slice(0, 12);
}
