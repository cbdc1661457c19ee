import { z } from "zod";
import { addressNumber, overlap, rangeOf, usableAddresses } from "./addresses.ts";
import {
  absolutePath,
  address,
  boolean,
  choice,
  cidr,
  folder,
  integer,
  line,
  text,
} from "./fields.ts";
import type { HostFacts } from "./host.ts";
import type { Problem } from "./problems.ts";

/** Controllers that a high availability control plane has; the addresses of so many are kept free. */
export const MAX_CONTROLLERS = 3;

/** The most addresses that a dhcp range has: so many reservations libvirt takes, and the MACs are numbered for twice as many. */
const MOST_ADDRESSES = 4096;

/** Memory in MiB that the machine keeps for itself and QEMU's own needs. */
export const HOST_RESERVE_MB = 1024;

/** Where the pool of a VLAN network lies: from the 10th to the 200th address, or to the last that there is. */
export const VLAN_POOL = { first: 10, last: 200 };

/** dnsmasq drops names that are longer, without a word. */
const LONGEST_NAME = 63;

/** Where the dhcp range lies where none is set, as places in the external network. */
const DHCP = { first: 10, last: 50 };

const sizes = (vcpus: number, memoryMb: number, diskGb: number) => ({
  /** Virtual CPUs. */
  vcpus: integer(1, 256).default(vcpus),
  /** Memory in MiB. */
  memoryMb: integer(64, 4 * 1024 * 1024).default(memoryMb),
  /** Size of the disk in GiB; it takes space as it is written to. */
  diskGb: integer(1, 64 * 1024).default(diskGb),
});

const vlan = (id: number, network: string) =>
  z
    .strictObject({
      /** VLAN on the provisioning network's wire, 1 to 4094. */
      vlan: integer(1, 4094).default(id),
      cidr: cidr.default(network),
    })
    .prefault({});

/** The key `libvirt`: networks and virtual machines. */
export const libvirtSchema = z
  .strictObject({
    /** Where libvirt answers. */
    uri: text("a libvirt URI")
      .regex(/^[a-z][a-z0-9+.-]*:\/\/[^\s<>"'`\\{}|^]*$/, { error: "must be a libvirt URI" })
      .default("qemu:///system"),
    /** kvm, qemu (emulated), or auto: what set-up found out by trying a guest. */
    domainType: choice("auto", "kvm", "qemu").default("auto"),
    /** Folder of the stack's disks. Default: /var/lib/libvirt/images/<names>. */
    pool: folder.optional(),
    /** What the nodes' disks start from. */
    image: z
      .strictObject({
        /** Path of a disk image on this machine, or its https URL. */
        source: text("an absolute path or an https URL")
          .regex(/^(\/|https:\/\/)\S+$/, { error: "must be an absolute path or an https URL" })
          .optional(),
        /** SHA-256 of the image in hex. An image from a URL must have one. */
        sha256: z
          .string({ error: "must be 64 hex digits" })
          .regex(/^[0-9a-f]{64}$/, { error: "must be 64 hex digits, lower case" })
          .optional(),
        /** Kernel and initial RAM disk that QEMU boots, for images without a boot loader. */
        kernel: absolutePath.optional(),
        initrd: absolutePath.optional(),
        /** Arguments of that kernel. */
        cmdline: line("kernel arguments").default("console=ttyS0 root=/dev/vda rw"),
      })
      .prefault({}),
    /** Who logs in to the undercloud before it is installed; created by cloud-init, with sudo. */
    user: z
      .string({ error: "must be a user name" })
      .regex(/^[a-z_][a-z0-9_-]{0,31}$/, { error: "must be a user name" })
      .default("cloud-user"),
    /** Whether Pulumi refuses to remove or replace nodes and their disks. */
    protect: boolean.default(false),
    nodes: z
      .strictObject({
        undercloud: z.strictObject(sizes(2, 16384, 50)).prefault({}),
        controller: z
          .strictObject({
            count: z
              .literal([1, MAX_CONTROLLERS], { error: "must be 1 or 3" })
              .default(MAX_CONTROLLERS),
            ...sizes(2, 16384, 40),
          })
          .prefault({}),
        compute: z
          .strictObject({ count: integer(0, 1000).default(1), ...sizes(1, 6144, 30) })
          .prefault({}),
        /** Each of the machines that the key `baremetal` counts. */
        baremetal: z.strictObject(sizes(1, 1024, 10)).prefault({}),
      })
      .prefault({}),
    networks: z
      .strictObject({
        /** Isolated; the hypervisor has its last address, the undercloud its first. */
        provisioning: z.strictObject({ cidr: cidr.default("192.168.24.0/24") }).prefault({}),
        /** The hypervisor has its first address; behind its NAT, but for a standalone control plane. */
        external: z
          .strictObject({
            cidr: cidr.default("192.168.22.0/24"),
            /** Addresses that nodes get, both ends included. Default: the 10th to the 50th of the network. */
            dhcp: z.strictObject({ start: address, end: address }).optional(),
          })
          .prefault({}),
      })
      .prefault({}),
    /** The overcloud's own networks, tagged on the provisioning network's wire. */
    vlans: z
      .strictObject({
        External: vlan(10, "10.0.10.0/24"),
        InternalApi: vlan(20, "10.0.20.0/24"),
        Storage: vlan(30, "10.0.30.0/24"),
        StorageMgmt: vlan(40, "10.0.40.0/24"),
        Tenant: vlan(50, "10.0.50.0/24"),
      })
      .prefault({}),
  })
  .prefault({});

export type LibvirtSettings = Readonly<z.output<typeof libvirtSchema>>;
export type VlanName = keyof LibvirtSettings["vlans"];

/** The range of addresses that nodes get, as places in the external network; both ends included. */
export function dhcpPlaces({ networks: { external } }: LibvirtSettings): {
  first: number;
  last: number;
} {
  if (!external.dhcp) return DHCP;
  const network = rangeOf(external.cidr).first;
  return {
    first: addressNumber(external.dhcp.start) - network,
    last: addressNumber(external.dhcp.end) - network,
  };
}

/** Those of the two networks that are used, with their keys. */
export function usedNetworks(
  { networks }: LibvirtSettings,
  used: Record<keyof LibvirtSettings["networks"], boolean>,
): [string, string][] {
  return (["provisioning", "external"] as const)
    .filter((name) => used[name])
    .map((name) => [`libvirt.networks.${name}.cidr`, networks[name].cidr]);
}

/** Every network of a TripleO stack with its key. */
export function libvirtNetworks(settings: LibvirtSettings): [string, string][] {
  return [
    ...usedNetworks(settings, { provisioning: true, external: true }),
    ...Object.entries(settings.vlans).map(([name, { cidr }]): [string, string] => [
      `libvirt.vlans.${name}.cidr`,
      cidr,
    ]),
  ];
}

/** Rules between keys: pure, so that they hold on any machine. */
export function checkLibvirt(settings: LibvirtSettings, names: string): Problem[] {
  return [
    ...checkImage(settings),
    ...checkOverlaps(libvirtNetworks(settings)),
    ...checkRanges(settings),
    ...checkVlans(settings),
    ...checkNames(settings, names),
  ];
}

function checkImage({ image: { source, sha256, kernel, initrd } }: LibvirtSettings): Problem[] {
  const problems: Problem[] = [];
  if (source === undefined) {
    problems.push({
      key: "libvirt.image.source",
      message: "is missing: the path or the https URL of the image that nodes start from",
      involves: ["controlPlane"],
    });
  } else if (source.startsWith("https://") && sha256 === undefined) {
    problems.push({
      key: "libvirt.image.sha256",
      message: "is missing: an image from a URL is used only if it has the checksum named here",
      involves: ["libvirt.image.source"],
    });
  }
  if (initrd !== undefined && kernel === undefined) {
    problems.push({
      key: "libvirt.image.kernel",
      message: "is missing: libvirt.image.initrd alone boots nothing",
      involves: ["libvirt.image.initrd"],
    });
  }
  return problems;
}

/** Networks, with their keys, that overlap one another. */
export function checkOverlaps(networks: readonly [string, string][]): Problem[] {
  return networks.flatMap(([key, value], position) =>
    networks
      .slice(0, position)
      .filter(([, other]) => overlap(value, other))
      .map(([otherKey, other]) => ({
        key,
        value,
        message: `overlaps ${otherKey} (${other})`,
        involves: [otherKey],
      })),
  );
}

function checkRanges(settings: LibvirtSettings): Problem[] {
  const { networks, nodes, vlans } = settings;
  const problems: Problem[] = [];
  const overcloud = nodes.controller.count + nodes.compute.count;
  const counts = ["libvirt.nodes.controller.count", "libvirt.nodes.compute.count"];

  const tooSmall = (key: string, value: string, needed: number, what: string) => {
    const available = usableAddresses(value);
    if (available >= needed) return;
    problems.push({
      key,
      value,
      message: `is too small: ${what} need ${needed} addresses, it has ${available}`,
      involves: counts,
    });
  };
  // Each overcloud node takes one while it is introspected and one when it is deployed.
  tooSmall(
    "libvirt.networks.provisioning.cidr",
    networks.provisioning.cidr,
    2 * overcloud + 10,
    `${overcloud} nodes, each twice, the undercloud's services and the hypervisor`,
  );
  for (const [name, { cidr }] of Object.entries(vlans)) {
    tooSmall(
      `libvirt.vlans.${name}.cidr`,
      cidr,
      VLAN_POOL.first + overcloud + 5,
      `${overcloud} nodes, the gateway and the services`,
    );
  }

  problems.push(...checkDhcp(settings, nodes.compute.count));
  return problems;
}

/**
 * Whether the external network has an address for every node that may be on it.
 * @param computes how many of them are computes
 */
export function checkDhcp(settings: LibvirtSettings, computes: number): Problem[] {
  const { external } = settings.networks;
  const { first, last } = dhcpPlaces(settings);
  const key = external.dhcp ? "libvirt.networks.external.dhcp" : "libvirt.networks.external.cidr";
  const value = external.dhcp ?? external.cidr;
  const involves = ["libvirt.networks.external.cidr", "libvirt.nodes.compute.count"];
  const needed = 1 + MAX_CONTROLLERS + computes;
  if (first < 2 || last > usableAddresses(external.cidr) || first > last) {
    const message = external.dhcp
      ? `must be a range within ${external.cidr}, start before end, without ${external.cidr.split("/")[0]} and the two addresses at its ends`
      : `is too small: nodes get its ${DHCP.first}th to ${DHCP.last}th address; choose a larger network, or set libvirt.networks.external.dhcp`;
    return [{ key, value, message, involves }];
  }
  if (last - first + 1 > MOST_ADDRESSES) {
    const message = `must have at most ${MOST_ADDRESSES} addresses, it has ${last - first + 1}`;
    return [{ key, value, message, involves }];
  }
  if (last - first + 1 >= needed) return [];
  const range = `libvirt.networks.external.dhcp has ${last - first + 1}`;
  if (computes === 0) {
    const message = `is too small: an undercloud and ${MAX_CONTROLLERS} controllers have their places in it, ${range}`;
    return [{ key, value, message, involves }];
  }
  return [
    {
      key: "libvirt.nodes.compute.count",
      value: computes,
      message: `needs ${needed} addresses with the undercloud and ${MAX_CONTROLLERS} controllers, ${range}`,
      involves: [...involves, "libvirt.networks.external.dhcp"],
    },
  ];
}

function checkVlans({ vlans }: LibvirtSettings): Problem[] {
  const all = Object.entries(vlans);
  return all.flatMap(([name, { vlan }], position) =>
    all
      .slice(0, position)
      .filter(([, other]) => other.vlan === vlan)
      .map(([first]) => ({
        key: `libvirt.vlans.${name}.vlan`,
        value: vlan,
        message: `is also the VLAN of ${first}`,
        involves: [`libvirt.vlans.${first}.vlan`],
      })),
  );
}

function checkNames({ nodes }: LibvirtSettings, names: string): Problem[] {
  const longest = `${names}-controller-${MAX_CONTROLLERS - 1}`.length;
  const computes = `${names}-compute-${Math.max(0, nodes.compute.count - 1)}`.length;
  if (Math.max(longest, computes) <= LONGEST_NAME) return [];
  return [
    {
      key: "names",
      value: names,
      message: `is too long: names of nodes would have more than ${LONGEST_NAME} characters`,
      involves: ["libvirt.nodes.compute.count"],
    },
  ];
}

/**
 * Rules that involve the machine.
 * @param ownBridges bridges of the stack's own networks; routes to those are no obstacle
 */
export function checkLibvirtHost(
  settings: LibvirtSettings,
  host: Pick<HostFacts, "memoryMb" | "routes">,
  ownBridges: readonly string[],
): Problem[] {
  const problems = checkRoutes(libvirtNetworks(settings), host, ownBridges);
  const needed = nodesMemoryMb(settings) + HOST_RESERVE_MB;
  if (needed > host.memoryMb) {
    const { undercloud, controller, compute } = settings.nodes;
    problems.push({
      key: "libvirt.nodes",
      message: `need ${needed} MiB of memory (undercloud ${undercloud.memoryMb}, ${controller.count} × controller ${controller.memoryMb}, ${compute.count} × compute ${compute.memoryMb}, ${HOST_RESERVE_MB} for the machine itself), this machine has ${host.memoryMb}; lower counts or memoryMb`,
    });
  }
  return problems;
}

/** Networks, with their keys, that the machine has routes to; those to the stack's own bridges are no obstacle. */
export function checkRoutes(
  networks: readonly [string, string][],
  host: Pick<HostFacts, "routes">,
  ownBridges: readonly string[],
): Problem[] {
  const routes = host.routes.filter(({ device }) => !ownBridges.includes(device));
  return networks.flatMap(([key, value]) =>
    routes
      .filter((route) => overlap(value, route.cidr))
      .map(({ cidr, device }) => ({
        key,
        value,
        message: `overlaps this machine's route to ${cidr} (${device}); choose another network`,
      })),
  );
}

/** Memory of a TripleO stack's nodes in MiB. */
export function nodesMemoryMb({ nodes }: LibvirtSettings): number {
  const { undercloud, controller, compute } = nodes;
  return (
    undercloud.memoryMb + controller.count * controller.memoryMb + compute.count * compute.memoryMb
  );
}
