import { z } from "zod";
import { usableAddresses } from "./addresses.ts";
import { choice, integer } from "./fields.ts";
import {
  checkDhcp,
  checkOverlaps,
  HOST_RESERVE_MB,
  usedNetworks,
  type LibvirtSettings,
} from "./libvirt.ts";
import type { Problem } from "./problems.ts";

/** Where the services of a standalone control plane run. */
const placement = choice("containers", "node");

/** The key `standalone`: where the services run, and what of. */
export const standaloneSchema = z
  .strictObject({
    /** One container for each service, or all of them on the virtual machine controller-0. */
    placement: placement.default("containers"),
    node: z
      .strictObject({
        /** Virtual CPUs. */
        vcpus: integer(1, 256).default(2),
        /** Memory in MiB. */
        memoryMb: integer(2048, 4 * 1024 * 1024).default(4096),
        /** Size in GiB of the disk of databases, queues and images; it takes space as it is written to. */
        dataGb: integer(1, 64 * 1024).default(10),
      })
      .prefault({}),
  })
  .prefault({});

/** The key `confirm.movePlacement`: where a deployed control plane may move to, which loses all that the cloud knows. */
export const movePlacementSchema = placement.optional();

/** The key `baremetal`: number of machines without anything on them. */
export const baremetalSchema = integer(0, 100).default(0);

export type StandaloneSettings = Readonly<z.output<typeof standaloneSchema>>;
export type Placement = StandaloneSettings["placement"];

/** What the rules of this file look at. */
export interface StandaloneParts {
  controlPlane: "standalone" | "tripleo";
  standalone: StandaloneSettings;
  baremetal: number;
  libvirt: LibvirtSettings;
}

/** Whether the control plane's services run on the virtual machine controller-0. */
export function runsOnNode({
  controlPlane,
  standalone,
}: Pick<StandaloneParts, "controlPlane" | "standalone">): boolean {
  return controlPlane === "standalone" && standalone.placement === "node";
}

/** Networks of libvirt that a standalone stack uses, with their keys. */
export function standaloneNetworks(settings: StandaloneParts): [string, string][] {
  return usedNetworks(settings.libvirt, {
    external: runsOnNode(settings),
    provisioning: settings.baremetal > 0,
  });
}

/** Whether a standalone stack has virtual machines at all. */
export function hasMachines(settings: StandaloneParts): boolean {
  return runsOnNode(settings) || settings.baremetal > 0;
}

/** Rules between keys: pure, so that they hold on any machine. */
export function checkStandalone(settings: StandaloneParts): Problem[] {
  const { libvirt, baremetal } = settings;
  if (!hasMachines(settings)) return [];
  const problems = checkOverlaps(standaloneNetworks(settings));
  if (!/^qemu(\+unix)?:\/\/\//.test(libvirt.uri)) {
    problems.push({
      key: "libvirt.uri",
      value: libvirt.uri,
      message: "must be this machine's, such as qemu:///system: the simulated computes are here",
      involves: ["standalone.placement", "baremetal"],
    });
  }
  if (runsOnNode(settings)) problems.push(...checkDhcp(libvirt, 0));
  const { cidr } = libvirt.networks.provisioning;
  const available = usableAddresses(cidr);
  if (available < baremetal + 1) {
    problems.push({
      key: "libvirt.networks.provisioning.cidr",
      value: cidr,
      message: `is too small: ${baremetal} machines and the hypervisor need ${baremetal + 1} addresses, it has ${available}`,
      involves: ["baremetal"],
    });
  }
  return problems;
}

/** Memory in MiB that the stack's virtual machines take, and what they leave the machine for itself; 0 without any. */
export function machinesMemoryMb(settings: StandaloneParts): number {
  if (!hasMachines(settings)) return 0;
  const { standalone, baremetal, libvirt } = settings;
  const node = runsOnNode(settings) ? standalone.node.memoryMb : 0;
  return node + baremetal * libvirt.nodes.baremetal.memoryMb + HOST_RESERVE_MB;
}
