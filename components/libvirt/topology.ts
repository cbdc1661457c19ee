import * as libvirt from "@pulumi/libvirt";
import * as pulumi from "@pulumi/pulumi";
import type { LibvirtSettings } from "../../config/libvirt.ts";
import type { SshKey } from "../credentials/derive.ts";
import { Step } from "../step/step.ts";
import type { DomainType } from "./domain-type.ts";
import { firstUsers } from "./access.ts";
import { idOf, imagePlan } from "./image.ts";
import { LibvirtNode } from "./node.ts";
import { poolPath, type LibvirtNetworkPlan, type TopologyPlan } from "./plan.ts";
import { SshFiles } from "./ssh-files.ts";
import { networkStylesheet } from "./stylesheets.ts";

export interface LibvirtTopologyArgs {
  settings: LibvirtSettings;
  /** Prefix of the names of everything. */
  names: string;
  plan: TopologyPlan;
  domainType: DomainType;
  /** The stack's ssh key; secret. */
  sshKey: pulumi.Output<SshKey>;
  /** Who logs in to an overcloud node once it is deployed. */
  deployedUser: string;
  /** Folder for what the stack writes for its user. */
  outputDirectory: string;
  /** Changes when files have to be written again; see components/upkeep. */
  epoch: string;
  /** With each new value every node is made anew, with its disk. Default: never. */
  rebuild?: pulumi.Input<string>;
  /** Folder where images from URLs are kept, for every stack. */
  cacheDirectory: string;
}

/** Seconds that fetching an image may take. */
const IMAGE_TIMEOUT_SECONDS = 3600;

/** Networks, storage and virtual machines on a libvirt host; touches nothing that is not the stack's own. */
export class LibvirtTopology extends pulumi.ComponentResource {
  readonly networks: { provisioning: libvirt.Network; external: libvirt.Network };
  readonly nodes: ReadonlyMap<string, LibvirtNode>;
  readonly ssh: SshFiles;
  /** Each is created once its node takes the stack's key. */
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

    const network = (kind: string, each: LibvirtNetworkPlan, mode: "none" | "nat") =>
      new libvirt.Network(
        `${kind}-network`,
        {
          name: each.name,
          bridge: each.bridge,
          mode,
          addresses: [each.cidr],
          dhcp: { enabled: each.dhcp !== undefined },
          autostart: true,
          xml: { xslt: networkStylesheet(each) },
        },
        { ...resource, deleteBeforeReplace: true },
      );
    this.networks = {
      provisioning: network("provisioning", plan.networks.provisioning, "none"),
      external: network("external", plan.networks.external, "nat"),
    };

    const pool = new libvirt.Pool(
      `${name}-pool`,
      { name: names, type: "dir", target: { path: poolPath(settings, names) } },
      { ...resource, deleteBeforeReplace: true },
    );
    const image = this.#image(name, args);
    // A volume's content is in its name: the new one is there before nodes give up the old one.
    const volume = (part: string, file: string, id: string) =>
      new libvirt.Volume(
        `${name}-${part}`,
        { name: `${names}-${part}-${id}`, pool: pool.name, source: file },
        { ...resource, dependsOn: image.step ? [image.step] : [] },
      );
    const base = volume("base", image.file, image.id);
    const { kernel, initrd, cmdline } = settings.image;
    const boot = kernel !== undefined && {
      kernel: volume("kernel", kernel, idOf(kernel)).id,
      ...(initrd !== undefined && { initrd: volume("initrd", initrd, idOf(initrd)).id }),
      cmdline,
    };

    this.ssh = new SshFiles(
      "ssh",
      { plan, key: args.sshKey, user: settings.user, outputDirectory, epoch: args.epoch },
      { parent: this },
    );
    const users = firstUsers(settings.user);
    this.nodes = new Map(
      plan.nodes.map((node) => [
        node.name,
        new LibvirtNode(
          node.name,
          {
            node,
            domainType: args.domainType,
            user: settings.user,
            publicKey: pulumi.unsecret(args.sshKey.apply(({ publicKey }) => publicKey)),
            provider,
            pool: pool.name,
            baseVolumeId: base.id,
            ...(boot && { boot }),
            networks: this.networks,
            protect: settings.protect,
            ...(args.rebuild !== undefined && { rebuild: args.rebuild }),
            users: [
              users[node.role],
              // One that was deployed already, and whose machine is made anew, knows this user alone.
              ...(node.role === "undercloud" ? [] : [args.deployedUser]),
            ],
            configFile: this.ssh.configFile,
            outputDirectory,
          },
          { parent: this, dependsOn: [this.ssh] },
        ),
      ]),
    );
    this.ready = [...this.nodes.values()].map(({ ready }) => ready);
    this.registerOutputs({});
  }

  /** The file that nodes' disks start from; the step that fetches or checks it, where there is something to check. */
  #image(name: string, { settings, cacheDirectory, outputDirectory }: LibvirtTopologyArgs) {
    const { source, sha256 } = settings.image;
    const { file, id } = imagePlan(settings.image, cacheDirectory);
    if (source === undefined || sha256 === undefined) return { file, id };
    const step = new Step(
      `${name}-image`,
      {
        directory: `${outputDirectory}/logs`,
        run: {
          action: "libvirt/image",
          args: { source, sha256, target: file },
          timeoutSeconds: IMAGE_TIMEOUT_SECONDS,
        },
      },
      { parent: this },
    );
    return { file, id, step };
  }
}
