import { v5 as uuidv5 } from "uuid";
import { addressAt } from "../../config/addresses.ts";
import { FIRST_COMPUTE_OFFSET } from "../../config/rules.ts";
import type { DockerHost } from "../../config/hosts.ts";
import type { Settings } from "../../config/schema.ts";
import { spread } from "../docker-hosts/spread.ts";
import { hostOf } from "./hosts.ts";

/** One simulated compute: what makes it the same compute again after it was recreated. */
export interface ComputePlan {
  index: number;
  /** Name of the compute in nova, neutron and placement, and its hostname. */
  host: string;
  containerName: string;
  address: string;
  /** Where its tunnels end, with the prefix length of their network. */
  tunnelAddress: string;
  /** OVN's transport zone that it is in; absent where all computes have tunnels to each other. */
  transportZone?: string;
  /** UUID of the compute node, its resource provider and, with OVN, its chassis. */
  id: string;
  /** The docker host that it is on; absent where there is this machine alone. */
  dockerHost?: DockerHost;
}

/** Namespace of the identities below: any fixed UUID serves, this one is this project's alone. */
const IDENTITY_NAMESPACE = "5e4a7a52-6c53-4c0f-8f0c-9d5b2a1c7e10";

/**
 * @param stack part of every identity, so that two stacks' computes are never the same
 * @param placed docker hosts that computes are on already, by index
 */
export function planComputes(
  settings: Settings,
  stack: string,
  placed?: ReadonlyMap<number, string>,
): ComputePlan[] {
  const { names, network, computes, compute, hosts } = settings;
  const places = hosts.length > 0 ? spread(hosts, computes, placed) : [];
  return Array.from({ length: computes }, (_, index) => ({
    index,
    host: hostOf(index),
    containerName: `${names}-${hostOf(index)}`,
    address: addressAt(network.cidr, FIRST_COMPUTE_OFFSET + index),
    tunnelAddress: `${addressAt(network.tunnelCidr, FIRST_COMPUTE_OFFSET + index)}/${network.tunnelCidr.split("/")[1]}`,
    id: uuidv5(`${stack}/${index}`, IDENTITY_NAMESPACE),
    ...(compute.transportZoneSize !== undefined && {
      transportZone: `zone-${Math.floor(index / compute.transportZoneSize)}`,
    }),
    ...dockerHostOf(hosts, places[index]),
  }));
}

function dockerHostOf(hosts: readonly DockerHost[], name: string | undefined) {
  const dockerHost = hosts.find((each) => each.name === name);
  return dockerHost && { dockerHost };
}
