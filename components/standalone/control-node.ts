import type { MachinePlan, MachinesPlan } from "../libvirt/plan.ts";

/** Name of the node that all services run on. */
export const CONTROL_NODE = "controller-0";

/** That node; undefined in a plan without it. */
export function controlNodeOf(machines: MachinesPlan): MachinePlan | undefined {
  return machines.nodes.find(({ name }) => name === CONTROL_NODE);
}
