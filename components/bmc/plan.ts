import { MAX_CONTROLLERS } from "../../config/libvirt.ts";
import type { OvercloudSettings } from "../../config/overcloud.ts";
import type { MachinePlan, MachinesPlan } from "../libvirt/plan.ts";

/** A virtual BMC: what switches one machine on and off by IPMI. */
export interface BmcPlan {
  /** Name of the node. */
  node: string;
  domainName: string;
  /** The hypervisor's address on the provisioning network; the BMC listens nowhere else. */
  address: string;
  port: number;
  username: string;
}

/**
 * One BMC for each machine that is switched by one. Ports follow from role and index, so that a role grows and shrinks
 * without touching who stays.
 */
export function planBmcs(
  { networks, nodes }: MachinesPlan,
  { firstPort, user }: OvercloudSettings["bmc"],
): BmcPlan[] {
  const { provisioning } = networks;
  if (!provisioning) return [];
  return nodes
    .filter(({ power }) => power === "bmc")
    .map((node) => ({
      node: node.name,
      domainName: node.domainName,
      address: provisioning.hostAddress,
      port: firstPort + placeOf(node),
      username: user,
    }));
}

/** Bare metal is never in one stack with an overcloud's nodes. */
function placeOf({ role, index }: MachinePlan): number {
  return role === "compute" ? MAX_CONTROLLERS + index : index;
}
