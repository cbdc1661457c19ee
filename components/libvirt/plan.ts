import { createHash } from "node:crypto";
import { addressAt, usableAddresses } from "../../config/addresses.ts";
import {
  dhcpPlaces,
  MAX_CONTROLLERS,
  VLAN_POOL,
  type LibvirtSettings,
  type VlanName,
} from "../../config/libvirt.ts";

export type Role = "undercloud" | "controller" | "compute" | "baremetal";
export type NetworkName = "provisioning" | "external";

/** One virtual machine. */
export interface MachinePlan {
  /** Role and index from 0, such as `compute-0`: an overcloud places its servers by it. */
  name: string;
  role: Role;
  index: number;
  /** Name of the libvirt domain. */
  domainName: string;
  /** First network card. The undercloud alone has a fixed address there, which its installation sets. */
  provisioning?: { mac: string; address?: string };
  /** Network card after that; dhcp keeps this address for it, which ssh goes to. */
  external?: { mac: string; address: string };
  vcpus: number;
  memoryMb: number;
  /** Absent where the disk is as large as what it starts from. */
  diskGb?: number;
  /** Who switches it: `pulumi up` sees to it that it runs, or its BMC is told to. */
  power: "pulumi" | "bmc";
}

/** A virtual machine with a place in an overcloud. */
export interface NodePlan extends MachinePlan {
  role: Exclude<Role, "baremetal">;
  provisioning: { mac: string; address?: string };
  external: { mac: string; address: string };
  diskGb: number;
}

/** A network of the overcloud, tagged on the provisioning network's wire. */
export interface VlanNetwork {
  name: VlanName;
  vlan: number;
  cidr: string;
  /** Addresses that nodes and services get. */
  pool: { start: string; end: string };
  gateway?: string;
}

export interface Reservation {
  mac: string;
  address: string;
  /** Name that the network's DNS answers to. */
  name: string;
}

export interface LibvirtNetworkPlan {
  name: string;
  /** Whether nodes reach beyond the hypervisor: not at all, behind its address, or with their own. */
  mode: "none" | "nat" | "route";
  /** At most 15 characters, as the kernel wants it. */
  bridge: string;
  cidr: string;
  /** Address of the hypervisor there. */
  hostAddress: string;
  /**
   * Addresses given out, and to whom. Reservations are made for every node that the range has room for: a network that
   * knew today's nodes alone would have to be replaced, under all of them, when one is added.
   */
  dhcp?: { start: string; end: string; reservations: Reservation[] };
}

/** Virtual machines and the networks that they are on. */
export interface MachinesPlan {
  networks: Partial<Record<NetworkName, LibvirtNetworkPlan>>;
  nodes: MachinePlan[];
}

/** What a TripleO stack has: all machines on both networks. */
export interface TopologyPlan extends MachinesPlan {
  networks: Record<NetworkName, LibvirtNetworkPlan>;
  vlans: VlanNetwork[];
  /** Undercloud, controllers, computes; in order of their index. */
  nodes: NodePlan[];
}

/**
 * Everything about a TripleO stack's machines and networks that follows from settings. MACs and addresses depend on a
 * node's role and index alone, so that a role grows and shrinks without touching who stays.
 * @param stack part of every MAC, so that two stacks' nodes are never the same
 * @throws RangeError if a network is too small, which checkLibvirt reports before
 */
export function planTopology(
  settings: LibvirtSettings,
  names: string,
  stack: string,
): TopologyPlan {
  const { networks, nodes, vlans } = settings;
  const slots = slotsOf(settings, stack);
  const node = (role: Exclude<Role, "baremetal">, index: number): NodePlan => ({
    ...identityOf(names, role, index),
    provisioning: {
      mac: macOf(stack, "provisioning", role, index),
      ...(role === "undercloud" && { address: addressAt(networks.provisioning.cidr, 1) }),
    },
    external: placeOf(slots, role, index),
    vcpus: nodes[role].vcpus,
    memoryMb: nodes[role].memoryMb,
    diskGb: nodes[role].diskGb,
    // An overcloud node's power is its BMC's affair: bare metal services switch it, and `up` does not interfere.
    power: role === "undercloud" ? "pulumi" : "bmc",
  });
  return {
    networks: {
      provisioning: provisioningNetwork(settings, names),
      external: externalNetwork(settings, names, slots, "nat"),
    },
    vlans: Object.entries(vlans).map(([name, { vlan, cidr }]) => ({
      name: name as VlanName,
      vlan,
      cidr,
      pool: {
        start: addressAt(cidr, VLAN_POOL.first),
        end: addressAt(cidr, Math.min(VLAN_POOL.last, usableAddresses(cidr))),
      },
      ...(name === "External" && { gateway: addressAt(cidr, 1) }),
    })),
    nodes: [
      node("undercloud", 0),
      ...Array.from({ length: nodes.controller.count }, (_, index) => node("controller", index)),
      ...Array.from({ length: nodes.compute.count }, (_, index) => node("compute", index)),
    ],
  };
}

/** Machines of a standalone stack. */
export interface MachineCounts {
  /** What controller-0 is made of, where the control plane runs on it. */
  controller?: { vcpus: number; memoryMb: number };
  /** How many have nothing on them. */
  baremetal: number;
}

/**
 * The same for a standalone stack: controller-0 on the external network, which routes its own address, idle machines
 * on the provisioning network; a network only where a machine is on it.
 */
export function planMachines(
  settings: LibvirtSettings,
  names: string,
  stack: string,
  { controller, baremetal }: MachineCounts,
): MachinesPlan {
  // The external network may be of any size where nobody is on it.
  const slots = controller ? slotsOf(settings, stack) : [];
  return {
    networks: {
      ...(baremetal > 0 && { provisioning: provisioningNetwork(settings, names) }),
      ...(controller && { external: externalNetwork(settings, names, slots, "route") }),
    },
    nodes: [
      ...(controller
        ? [
            {
              ...identityOf(names, "controller", 0),
              external: placeOf(slots, "controller", 0),
              ...controller,
              power: "pulumi" as const,
            },
          ]
        : []),
      ...Array.from({ length: baremetal }, (_, index) => ({
        ...identityOf(names, "baremetal", index),
        provisioning: { mac: macOf(stack, "provisioning", "baremetal", index) },
        ...settings.nodes.baremetal,
        power: "bmc" as const,
      })),
    ],
  };
}

function identityOf<R extends Role>(names: string, role: R, index: number) {
  const name = `${role}-${index}`;
  return { name, role, index, domainName: `${names}-${name}` };
}

/** Every place in the external network's dhcp range, with whom it is kept for. */
function slotsOf(settings: LibvirtSettings, stack: string): Reservation[] {
  const place = dhcpPlaces(settings);
  return Array.from({ length: place.last - place.first + 1 }, (_, slot) => {
    const { role, index } = nodeInSlot(slot);
    return {
      mac: macOf(stack, "external", role, index),
      address: addressAt(settings.networks.external.cidr, place.first + slot),
      name: `${role}-${index}`,
    };
  });
}

function placeOf(slots: Reservation[], role: Exclude<Role, "baremetal">, index: number) {
  const slot = slots[slotOf(role, index)];
  if (!slot) throw new RangeError(`there is no address for ${role}-${index}`);
  return { mac: slot.mac, address: slot.address };
}

function provisioningNetwork(settings: LibvirtSettings, names: string): LibvirtNetworkPlan {
  const { cidr } = settings.networks.provisioning;
  return {
    name: `${names}-provisioning`,
    mode: "none",
    bridge: bridgesOf(names).provisioning,
    cidr,
    hostAddress: addressAt(cidr, usableAddresses(cidr)),
  };
}

function externalNetwork(
  settings: LibvirtSettings,
  names: string,
  reservations: Reservation[],
  mode: "nat" | "route",
): LibvirtNetworkPlan {
  const { cidr } = settings.networks.external;
  const { first, last } = dhcpPlaces(settings);
  return {
    name: `${names}-external`,
    mode,
    bridge: bridgesOf(names).external,
    cidr,
    hostAddress: addressAt(cidr, 1),
    dhcp: { start: addressAt(cidr, first), end: addressAt(cidr, last), reservations },
  };
}

/** Bridges of a stack's networks: its prefix, shortened to what the kernel takes and told apart by a hash. */
export function bridgesOf(names: string): { provisioning: string; external: string } {
  const short =
    names.length <= 10
      ? names
      : `${names.slice(0, 5)}${createHash("sha256").update(names).digest("hex").slice(0, 5)}`;
  return { provisioning: `${short}-prov`, external: `${short}-ext` };
}

/** Folder of the stack's disks. */
export function poolPath({ pool }: LibvirtSettings, names: string): string {
  return pool ?? `/var/lib/libvirt/images/${names}`;
}

/** Place of a node in the dhcp range: the undercloud, as many controllers as there can be, computes. */
function slotOf(role: Exclude<Role, "baremetal">, index: number): number {
  return { undercloud: 0, controller: 1, compute: 1 + MAX_CONTROLLERS }[role] + index;
}

function nodeInSlot(slot: number): { role: Exclude<Role, "baremetal">; index: number } {
  if (slot === 0) return { role: "undercloud", index: 0 };
  return slot <= MAX_CONTROLLERS
    ? { role: "controller", index: slot - 1 }
    : { role: "compute", index: slot - 1 - MAX_CONTROLLERS };
}

const ROLE_NUMBER: Record<Role, number> = {
  undercloud: 0,
  controller: 1,
  compute: 2,
  baremetal: 3,
};

/**
 * A locally administered MAC: three bytes of the stack's, two that number its network cards. Unique in a stack by
 * construction, and among the stacks of a machine as good as surely.
 */
function macOf(stack: string, network: NetworkName, role: Role, index: number) {
  const card = (ROLE_NUMBER[role] << 14) | ((network === "external" ? 1 : 0) << 13) | index;
  return `${macPrefixOf(stack)}:${hexadecimal([card >> 8, card & 0xff])}`;
}

/** What all MACs of a stack begin with: it tells its machines from others of the same names. */
export function macPrefixOf(stack: string): string {
  const own = createHash("sha256").update(`mac:${stack}`).digest().subarray(0, 3);
  return hexadecimal([0x52, ...own]);
}

function hexadecimal(bytes: readonly number[]): string {
  return bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}
