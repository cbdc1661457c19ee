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
