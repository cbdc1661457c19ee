import type { Settings } from "../../config/schema.ts";
import type { Ini } from "../ini.ts";

/** How many processes of a service share what its computes ask of it. */
export interface ControlPlaneSize {
  conductorWorkers: number;
  neutronApiWorkers: number;
  neutronRpcWorkers: number;
}

/**
 * From so many computes on, another size is needed. They are few, because the services whose size changes start again
 * when the number of computes passes one, and all that run turn to them at once then: at 400 that took two cores more than five minutes.
 * And they are not right above round numbers, from which people add a few.
 */
const STEPS = [151, 601];

/**
 * What a number of computes needs. A compute has the conductor write its report every few seconds and its resources every
 * minute: a hundred that have nothing else to do take 0.13 of a core, and a process has one. With OVN, neutron hears of a
 * compute when a port changes; Open vSwitch agents each report to it and ask it for every port.
 */
export function sizeControlPlane({
  computes,
  networking,
}: Pick<Settings, "computes" | "networking">): ControlPlaneSize {
  const passed = STEPS.filter((step) => computes >= step).length;
  return {
    conductorWorkers: 1 + passed,
    neutronApiWorkers: passed > 1 ? 2 : 1,
    neutronRpcWorkers: networking === "ovs" ? 1 + passed : 1,
  };
}

/** What nova's own services get of it besides what the image's configuration says, which is a size of 1. */
export function novaSize({ conductorWorkers }: ControlPlaneSize): Ini {
  return conductorWorkers > 1 ? { conductor: { workers: conductorWorkers } } : {};
}

/** The same for neutron, as part of its section DEFAULT. */
export function neutronSize({
  neutronApiWorkers,
  neutronRpcWorkers,
}: ControlPlaneSize): Record<string, number> {
  return {
    ...(neutronApiWorkers > 1 && { api_workers: neutronApiWorkers }),
    ...(neutronRpcWorkers > 1 && { rpc_workers: neutronRpcWorkers }),
  };
}
