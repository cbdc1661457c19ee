import { createHash } from "node:crypto";
import { addressAt, usableAddresses } from "../../config/addresses.ts";
import {
  dhcpPlaces,
  MAX_CONTROLLERS,
  VLAN_POOL,
  type LibvirtSettings,
  type VlanName,
} from "../../config/libvirt.ts";

export type Role = "undercloud" | "controller" | "compute";

/** One virtual machine. */
export interface NodePlan {
  /** Role and index from 0, such as `compute-0`: the overcloud places its servers by it. */
  name: string;
  role: Role;
  index: number;
  /** Name of the libvirt domain. */
  domainName: string;
  /** First network card. The undercloud alone has a fixed address there, which its installation sets. */
  provisioning: { mac: string; address?: string };
  /** Second network card; dhcp gives it this address, which ssh goes to. */
  external: { mac: string; address: string };
  vcpus: number;
  memoryMb: number;
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

export interface TopologyPlan {
  networks: { provisioning: LibvirtNetworkPlan; external: LibvirtNetworkPlan };
  vlans: VlanNetwork[];
  /** Undercloud, controllers, computes; in order of their index. */
  nodes: NodePlan[];
}

/**
 * Everything about the virtual machines and their networks that follows from settings. MACs and addresses depend on a
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
  const place = dhcpPlaces(settings);
  const slots = Array.from({ length: place.last - place.first + 1 }, (_, slot) => {
    const { role, index } = nodeInSlot(slot);
    return {
      name: `${role}-${index}`,
      role,
      index,
      mac: macOf(stack, "external", role, index),
      address: addressAt(networks.external.cidr, place.first + slot),
    };
  });
  const node = (role: Role, index: number): NodePlan => {
    const slot = slots[slotOf(role, index)];
    if (!slot) throw new RangeError(`there is no address for ${role}-${index}`);
    const { vcpus, memoryMb, diskGb } = nodes[role];
    return {
      name: slot.name,
      role,
      index,
      domainName: `${names}-${slot.name}`,
      provisioning: {
        mac: macOf(stack, "provisioning", role, index),
        ...(role === "undercloud" && { address: addressAt(networks.provisioning.cidr, 1) }),
      },
      external: { mac: slot.mac, address: slot.address },
      vcpus,
      memoryMb,
      diskGb,
    };
  };
  const bridges = bridgesOf(names);
  return {
    networks: {
      provisioning: {
        name: `${names}-provisioning`,
        bridge: bridges.provisioning,
        cidr: networks.provisioning.cidr,
        hostAddress: addressAt(
          networks.provisioning.cidr,
          usableAddresses(networks.provisioning.cidr),
        ),
      },
      external: {
        name: `${names}-external`,
        bridge: bridges.external,
        cidr: networks.external.cidr,
        hostAddress: addressAt(networks.external.cidr, 1),
        dhcp: {
          start: addressAt(networks.external.cidr, place.first),
          end: addressAt(networks.external.cidr, place.last),
          reservations: slots.map(({ mac, address, name }) => ({ mac, address, name })),
        },
      },
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
function slotOf(role: Role, index: number): number {
  return { undercloud: 0, controller: 1, compute: 1 + MAX_CONTROLLERS }[role] + index;
}

function nodeInSlot(slot: number): { role: Role; index: number } {
  if (slot === 0) return { role: "undercloud", index: 0 };
  return slot <= MAX_CONTROLLERS
    ? { role: "controller", index: slot - 1 }
    : { role: "compute", index: slot - 1 - MAX_CONTROLLERS };
}

const ROLE_NUMBER: Record<Role, number> = { undercloud: 0, controller: 1, compute: 2 };

/**
 * A locally administered MAC: three bytes of the stack's, two that number its network cards. Unique in a stack by
 * construction, and among the stacks of a machine as good as surely.
 */
function macOf(stack: string, network: "provisioning" | "external", role: Role, index: number) {
  const own = createHash("sha256").update(`mac:${stack}`).digest().subarray(0, 3);
  const card = (ROLE_NUMBER[role] << 14) | ((network === "external" ? 1 : 0) << 13) | index;
  return [0x52, ...own, card >> 8, card & 0xff]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join(":");
}
