import { MAX_CONTROLLERS } from "../../config/libvirt.ts";
import type { OvercloudSettings } from "../../config/overcloud.ts";
import type { NodePlan, TopologyPlan } from "../libvirt/plan.ts";

/** A virtual BMC: what switches one overcloud node on and off by IPMI. */
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
 * One BMC for each overcloud node. Ports follow from role and index, so that a role grows and shrinks without touching
 * who stays.
 */
export function planBmcs(
  { networks, nodes }: TopologyPlan,
  { firstPort, user }: OvercloudSettings["bmc"],
): BmcPlan[] {
  return nodes.flatMap((node) => {
    const place = placeOf(node);
    if (place === undefined) return [];
    return {
      node: node.name,
      domainName: node.domainName,
      address: networks.provisioning.hostAddress,
      port: firstPort + place,
      username: user,
    };
  });
}

function placeOf({ role, index }: NodePlan): number | undefined {
  if (role === "undercloud") return undefined;
  return role === "controller" ? index : MAX_CONTROLLERS + index;
}
