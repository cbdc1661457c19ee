import { APIS } from "../../components/standalone/services.ts";
import type { ApiName } from "../../config/schema.ts";

/** Whatever deploys stacks of the standalone control plane for real. */
const USERS = [
  ...(["standalone-ovn", "standalone-ovs", "density", "experiment", "hosts", "playbooks"] as const),
  ...([
    "recovery",
    "shipped-playbooks",
    "tls",
    "tripleo",
    "faults",
    "faults-beside",
    "clock",
  ] as const),
];
type User = (typeof USERS)[number];

/** Networks and ports of a stack. */
export interface Place {
  network: string;
  /** Ports of the APIs on this machine. */
  ports: Record<ApiName, number>;
  /** The settings that put a stack there. */
  settings: Record<string, string | number>;
  /** Those besides where the control plane is on a node. */
  nodeSettings: Record<string, string>;
}

/** A place that nobody else has, so that any two of these stacks can be up side by side, and beside a user's own. */
export function placeOf(user: User): Place {
  const index = USERS.indexOf(user);
  const prefix = `10.${140 + index}`;
  const network = `${prefix}.0.0/20`;
  // Below the ports that the kernel hands out by itself.
  const ports = Object.fromEntries(
    Object.keys(APIS).map((api, position) => [api, 20_000 + 10 * index + position]),
  ) as Record<ApiName, number>;
  return {
    network,
    ports,
    settings: {
      "network.cidr": network,
      "network.tunnelCidr": `${prefix}.16.0/20`,
      "network.tenantCidr": `${prefix}.128.0/17`,
      ...Object.fromEntries(Object.entries(ports).map(([api, port]) => [`ports.${api}`, port])),
    },
    nodeSettings: {
      "libvirt.networks.external.cidr": `${prefix}.32.0/24`,
      "libvirt.networks.provisioning.cidr": `${prefix}.33.0/24`,
    },
  };
}
