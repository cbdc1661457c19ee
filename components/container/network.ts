import type * as docker from "@pulumi/docker";
import { addressAt } from "../../config/addresses.ts";
import type { LivingLabels } from "../../config/host.ts";
import { labelList, labelsOf } from "../names.ts";

/** What its containers' addresses are to the rest of the machine. */
export interface NetworkReach {
  /**
   * Whether containers and the machine's other networks see each other's own addresses, both ways. Nothing beyond the
   * machine is reached then.
   */
  routed?: boolean;
  /** Number before the first dot of the docker daemon's version. */
  dockerMajor?: number | undefined;
}

/** From here on, docker lets nobody but the host itself begin a connection to an address in its networks, unless told. */
const GUARDED_SINCE = 28;

/** A stack's docker network; the host has its first address. */
export function stackNetwork(
  stack: string,
  { name, cidr, labels }: { name: string; cidr: string; labels: LivingLabels },
  { routed = false, dockerMajor = 0 }: NetworkReach = {},
): docker.NetworkArgs {
  return {
    name,
    driver: "bridge",
    ipamConfigs: [{ subnet: cidr, gateway: addressAt(cidr, 1) }],
    ...(routed && {
      options: {
        "com.docker.network.bridge.enable_ip_masquerade": "false",
        ...(dockerMajor >= GUARDED_SINCE && {
          "com.docker.network.bridge.gateway_mode_ipv4": "nat-unprotected",
        }),
      },
    }),
    labels: labelList(labelsOf(stack, labels)),
  };
}

/** Largest packet, in bytes, on a swarm's network as docker makes it: it carries them in packets of 1500. */
export const OVERLAY_MTU = 1450;

/** Where a swarm takes addresses of its own from, one for each machine: between the services and the computes. */
const SWARM_OFFSET = 32;
const SWARM_PREFIX = 27;

/**
 * A network of the machines of a swarm, whose manager this one is. It carries packets between containers alone, by the
 * addresses that docker gave them; no machine has an address in it.
 */
export function overlayNetwork(
  stack: string,
  { name, cidr, labels }: { name: string; cidr: string; labels: Record<string, string> },
): docker.NetworkArgs {
  return {
    name,
    driver: "overlay",
    attachable: true,
    ipamConfigs: [
      {
        subnet: cidr,
        gateway: addressAt(cidr, 1),
        ipRange: `${addressAt(cidr, SWARM_OFFSET)}/${SWARM_PREFIX}`,
      },
    ],
    labels: labelList(labelsOf(stack, labels)),
  };
}
