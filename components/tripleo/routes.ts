import { execa } from "execa";
import type { Settings } from "../../config/schema.ts";
import { selects } from "../overcloud/steps.ts";
import type { Action } from "../step/action.ts";

export interface RoutesArgs {
  /** Networks, and the address of the router to all of them. */
  networks: string[];
  via: string;
}

/** Networks that the simulated computes of these settings reach through the undercloud. */
export function routedNetworks(settings: Settings): string[] {
  const { controlPlane, libvirt } = settings;
  if (controlPlane !== "tripleo" || !selects(settings, "simulate_compute_node")) return [];
  return Object.values(libvirt.vlans).map(({ cidr }) => cidr);
}

/** Sets the host's routes to the overcloud's networks; one that is right already stays. */
export const setRoutes: Action<RoutesArgs> = async ({ networks, via }, { run }) => {
  for (const network of networks)
    await run({ argv: ["ip", "route", "replace", network, "via", via] });
  return { networks };
};

/** Removes those of them that lead to this router; one that is gone already counts as removed. */
export const removeRoutes: Action<RoutesArgs> = async ({ networks, via }, { signal }) => {
  for (const network of networks) {
    await execa("ip", ["route", "del", network, "via", via], {
      reject: false,
      stdin: "ignore",
      cancelSignal: signal,
    });
  }
};
