import * as libvirt from "@pulumi/libvirt";
import * as pulumi from "@pulumi/pulumi";
import type { LibvirtSettings } from "../../config/libvirt.ts";
import type { SshKey } from "../credentials/derive.ts";
import { Step } from "../step/step.ts";
import type { DomainType } from "./domain-type.ts";
import { firstUsers, type Users } from "./access.ts";
import { idOf, imagePlan } from "./image.ts";
import { LibvirtNode, type SeedArgs } from "./node.ts";
import { poolPath, type LibvirtNetworkPlan, type MachinesPlan, type NetworkName } from "./plan.ts";
import { SshFiles } from "./ssh-files.ts";
import { networkStylesheet } from "./stylesheets.ts";

/** What nodes start from: files on this machine, each with a text that tells it from others of its kind. */
export interface BootFiles {
  disk: BootFile;
  /** A kernel that QEMU boots itself, for images without a boot loader. */
  kernel?: BootFile;
  initrd?: BootFile;
  /** Arguments of that kernel. */
  cmdline: pulumi.Input<string>;
  /** What makes or checks the files. */
  madeBy: pulumi.Resource[];
}

export interface BootFile {
  file: pulumi.Input<string>;
  id: pulumi.Input<string>;
}

export interface LibvirtTopologyArgs {
  settings: LibvirtSettings;
  /** Prefix of the names of everything. */
  names: string;
  plan: MachinesPlan;
  domainType: DomainType;
  /** The stack's ssh key; secret. */
  sshKey: pulumi.Output<SshKey>;
  /** Who logs in to an overcloud node once it is deployed. Default: nodes are not deployed. */
  deployedUser?: string;
  /** Folder for what the stack writes for its user. */
  outputDirectory: string;
  /** Changes when files have to be written again; see components/upkeep. */
  epoch: string;
  /** With each new value every node is made anew, with its disk. Default: never. */
  rebuild?: pulumi.Input<string>;
  /** Folder where images from URLs are kept, for every stack; needed where nodes start from the settings' image. */
  cacheDirectory?: string;
  /** What nodes start from instead of the settings' image. */
  bootFiles?: BootFiles;
  /** Nodes that are configured by a seed, not by cloud-init, by name. */
  seeds?: ReadonlyMap<string, SeedArgs>;
}

/** Seconds that fetching an image may take. */
const IMAGE_TIMEOUT_SECONDS = 3600;

/** Networks, storage and virtual machines on a libvirt host; touches nothing that is not the stack's own. */
export class LibvirtTopology extends pulumi.ComponentResource {
  readonly networks: Partial<Record<NetworkName, libvirt.Network>>;
  readonly nodes: ReadonlyMap<string, LibvirtNode>;
  readonly ssh: SshFiles;
  /** Each is created once its node, if cloud-init sets that up, takes the stack's key. */
  readonly ready: Step[];

  constructor(name: string, args: LibvirtTopologyArgs, options?: pulumi.ComponentResourceOptions) {
    super("overcloud:index:LibvirtTopology", name, {}, options);
    const { settings, names, plan, outputDirectory } = args;
    const provider = new libvirt.Provider(
      `${name}-hypervisor`,
      { uri: settings.uri },
      { parent: this },
    );
    const resource = { parent: this, provider };

    const network = (kind: NetworkName, each: LibvirtNetworkPlan) =>
      new libvirt.Network(
        `${kind}-network`,
        {
          name: each.name,
          bridge: each.bridge,
          mode: each.mode,
          addresses: [each.cidr],
          dhcp: { enabled: each.dhcp !== undefined },
          autostart: true,
          xml: { xslt: networkStylesheet(each) },
        },
        { ...resource, deleteBeforeReplace: true },
      );
    const { provisioning, external } = plan.networks;
    this.networks = {
      ...(provisioning && { provisioning: network("provisioning", provisioning) }),
      ...(external && { external: network("external", external) }),
    };

    const pool = new libvirt.Pool(
      `${name}-pool`,
      { name: names, type: "dir", target: { path: poolPath(settings, names) } },
      { ...resource, deleteBeforeReplace: true },
    );
    const files = args.bootFiles ?? this.#settingsFiles(name, args);
    // A volume's content is in its name: the new one is there before nodes give up the old one.
    const volume = (part: string, { file, id }: BootFile) =>
      new libvirt.Volume(
        `${name}-${part}`,
        { name: pulumi.interpolate`${names}-${part}-${id}`, pool: pool.name, source: file },
        { ...resource, dependsOn: files?.madeBy ?? [] },
      ).id;
    const image = files && {
      baseVolumeId: volume("base", files.disk),
      ...(files.kernel && {
        boot: {
          kernel: volume("kernel", files.kernel),
          ...(files.initrd && { initrd: volume("initrd", files.initrd) }),
          cmdline: files.cmdline,
        },
      }),
    };

    this.ssh = new SshFiles(
      "ssh",
      { plan, key: args.sshKey, user: settings.user, outputDirectory, epoch: args.epoch },
      { parent: this },
    );
    this.nodes = new Map(
      plan.nodes.map((node) => [
        node.name,
        new LibvirtNode(
          node.name,
          {
            node,
            domainType: args.domainType,
            provider,
            uri: settings.uri,
            pool: pool.name,
            networks: this.networks,
            protect: settings.protect,
            ...(args.rebuild !== undefined && { rebuild: args.rebuild }),
            outputDirectory,
            epoch: args.epoch,
            ...(node.role !== "baremetal" && {
              ...image,
              ...this.#configuration(node.name, node.role, args),
            }),
          },
          { parent: this, dependsOn: [this.ssh] },
        ),
      ]),
    );
    this.ready = [...this.nodes.values()].flatMap(({ ready }) => ready ?? []);
    this.registerOutputs({});
  }

  /** How a node is told what it is. */
  #configuration(name: string, role: keyof Users, args: LibvirtTopologyArgs) {
    const { seeds, settings, sshKey, deployedUser } = args;
    const seed = seeds?.get(name);
    if (seed) return { seed };
    const { user } = settings;
    const publicKey = pulumi.unsecret(sshKey.apply((key) => key.publicKey));
    const users = [
      firstUsers(user)[role],
      // One that was deployed already, and whose machine is made anew, knows this user alone.
      ...(role === "undercloud" || deployedUser === undefined ? [] : [deployedUser]),
    ];
    return { cloudInit: { user, publicKey, users, configFile: this.ssh.configFile } };
  }

  /** The settings' image, with the step that fetches or checks it, where there is something to check. */
  #settingsFiles(name: string, args: LibvirtTopologyArgs): BootFiles | undefined {
    const { cacheDirectory, outputDirectory } = args;
    const { source, sha256, kernel, initrd, cmdline } = args.settings.image;
    if (source === undefined || cacheDirectory === undefined) return undefined;
    const disk = imagePlan(args.settings.image, cacheDirectory);
    const named = (file: string): BootFile => ({ file, id: idOf(file) });
    const files = {
      disk,
      ...(kernel !== undefined && { kernel: named(kernel) }),
      ...(initrd !== undefined && { initrd: named(initrd) }),
      cmdline,
    };
    if (sha256 === undefined) return { ...files, madeBy: [] };
    const step = new Step(
      `${name}-image`,
      {
        directory: `${outputDirectory}/logs`,
        run: {
          action: "libvirt/image",
          args: { source, sha256, target: disk.file },
          timeoutSeconds: IMAGE_TIMEOUT_SECONDS,
        },
      },
      { parent: this },
    );
    return { ...files, madeBy: [step] };
  }
}
