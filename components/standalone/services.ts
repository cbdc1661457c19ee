import type { ApiName } from "../../config/schema.ts";

/** The services of a control plane, in the order in which an operator would list them. */
export const SERVICES = [
  "mariadb",
  "rabbitmq",
  "memcached",
  "keystone",
  "placement",
  "glance",
  "neutron-server",
  "nova-api",
  "nova-scheduler",
  "nova-conductor",
  "ovn-nb-db",
  "ovn-sb-db",
  "ovn-northd",
] as const;

export type ServiceName = (typeof SERVICES)[number];

/** Services of nova that have no API of their own; nova lists them once they have reported. */
export const REPORTING = ["nova-scheduler", "nova-conductor"] as const satisfies ServiceName[];

/** Places in the stack's network, counted from the network's own address; the host has place 1. */
const FIRST_SERVICE_OFFSET = 10;

export function offsetOf(service: ServiceName): number {
  return FIRST_SERVICE_OFFSET + SERVICES.indexOf(service);
}

/** An OpenStack API: which service answers it, where, and how keystone's catalogue lists it. */
export interface Api {
  service: ServiceName;
  /** Port inside the stack's network. */
  port: number;
  /** Type and name in the catalogue; keystone lists itself as well. */
  type: string;
  /** What follows the port in the catalogue's URL. */
  path: string;
}

export const APIS: Record<ApiName, Api> = {
  keystone: { service: "keystone", port: 5000, type: "identity", path: "/v3" },
  placement: { service: "placement", port: 8778, type: "placement", path: "" },
  glance: { service: "glance", port: 9292, type: "image", path: "" },
  neutron: { service: "neutron-server", port: 9696, type: "network", path: "" },
  nova: { service: "nova-api", port: 8774, type: "compute", path: "/v2.1" },
};

/** The API that a service answers, if any. */
export function apiOf(service: ServiceName): ApiName | undefined {
  return (Object.keys(APIS) as ApiName[]).find((api) => APIS[api].service === service);
}

export const REGION = "RegionOne";

/** What clients speak with a standalone cloud. From nova's 2.95 on an evacuated server stays stopped on its new host. */
export const MICROVERSIONS = { compute: "2.93", placement: "1.36" };

export const OVN_NORTHBOUND_PORT = 6641;
export const OVN_SOUTHBOUND_PORT = 6642;
