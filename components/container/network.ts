import type * as docker from "@pulumi/docker";
import { addressAt } from "../../config/addresses.ts";
import { labelList, labelsOf } from "../names.ts";

/** A stack's docker network; the host has its first address. */
export function stackNetwork(
  stack: string,
  { name, cidr, labels }: { name: string; cidr: string; labels: Record<string, string> },
): docker.NetworkArgs {
  return {
    name,
    driver: "bridge",
    ipamConfigs: [{ subnet: cidr, gateway: addressAt(cidr, 1) }],
    labels: labelList(labelsOf(stack, labels)),
  };
}
