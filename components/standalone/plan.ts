import { addressAt } from "../../config/addresses.ts";
import { livingLabels, type LivingLabels } from "../../config/host.ts";
import type { ApiName, Settings } from "../../config/schema.ts";
import { runsOnNode, type Placement } from "../../config/standalone.ts";
import { TUNNELS_NAME } from "../names.ts";
import { planMachines, type MachinesPlan } from "../libvirt/plan.ts";
import { checkCommand, checkOf, type Check } from "./health.ts";
import {
  APIS,
  offsetOf,
  OVN_NORTHBOUND_PORT,
  OVN_SOUTHBOUND_PORT,
  SERVICES,
  type ServiceName,
} from "./services.ts";

/** One service of the control plane: a container of its own, or a part of the node. */
export interface ServicePlan {
  name: ServiceName;
  /** Name of its container, where it has one. */
  containerName: string;
  /** Where others reach it; on the node, all have one address. */
  address: string;
  /** Services that must run, and be healthy if they are gates, before this one starts; they come earlier in the plan. */
  after: ServiceName[];
  /** Ports of its container on the host's loopback: port inside the container to port outside. */
  ports: { internal: number; external: number }[];
  /** Data that outlives the container, or the node; first filled from the image. */
  volume?: { name: string; path: string };
  environment: Record<string, string>;
  check: Check;
  /** The check as docker runs it. */
  healthcheck: { test: string[]; intervalSeconds: number; timeoutSeconds: number };
  /** Whether others wait for this service's health check. */
  gates: boolean;
  /** Seconds a service gets to end by itself. */
  graceSeconds: number;
}

/** Everything about a control plane that follows from the settings alone. */
export interface ControlPlanePlan {
  placement: Placement;
  /** The labels say what the cloud was made for, so that later settings can be held against it. */
  network: {
    name: string;
    cidr: string;
    labels: LivingLabels;
  };
  /**
   * The network of the computes' tunnels, where they are on several machines: there, packets go to addresses that
   * docker gave, so that tunnels can't have others on the same wire.
   */
  tunnelNetwork?: { name: string; cidr: string; labels: Record<string, string> };
  services: ServicePlan[];
  addresses: Record<ServiceName, string>;
  /** API URLs as seen from the host and from inside the stack's network. */
  endpoints: Record<ApiName, { public: string; internal: string }>;
}

const VOLUMES: Partial<Record<ServiceName, string>> = {
  mariadb: "/var/lib/mysql",
  rabbitmq: "/var/lib/rabbitmq",
  glance: "/var/lib/glance",
  "ovn-nb-db": "/var/lib/ovn",
  "ovn-sb-db": "/var/lib/ovn",
};

const OVN_SERVICES: readonly ServiceName[] = ["ovn-nb-db", "ovn-sb-db", "ovn-northd"];

export function planControlPlane(settings: Settings): ControlPlanePlan {
  const { names, network, networking, ports, standalone, hosts, tls } = settings;
  const scheme = tls ? "https" : "http";
  const { placement } = standalone;
  const node = nodeAddress(settings);
  // Gates first: a container can only wait for one that was declared before it.
  const services = SERVICES.filter(
    (name) => networking === "ovn" || !OVN_SERVICES.includes(name),
  ).sort((a, b) => Number(GATES.includes(b)) - Number(GATES.includes(a)));
  const addresses = Object.fromEntries(
    SERVICES.map((name) => [name, node ?? addressAt(network.cidr, offsetOf(name))]),
  ) as Record<ServiceName, string>;
  const endpoints = Object.fromEntries(
    Object.entries(APIS).map(([api, { service, port, path }]) => {
      const internal = `${scheme}://${addresses[service]}:${port}${path}`;
      const published = `${scheme}://127.0.0.1:${ports[api as ApiName]}${path}`;
      return [api, { public: placement === "node" ? internal : published, internal }];
    }),
  ) as ControlPlanePlan["endpoints"];

  return {
    placement,
    network: {
      name: names,
      cidr: network.cidr,
      labels: livingLabels(settings),
    },
    ...(hosts.length > 0 && {
      tunnelNetwork: {
        name: `${names}-${TUNNELS_NAME}`,
        cidr: network.tunnelCidr,
        labels: { role: TUNNELS_NAME },
      },
    }),
    addresses,
    endpoints,
    services: services.map((name) => {
      const path = VOLUMES[name];
      return {
        name,
        containerName: `${names}-${name}`,
        address: addresses[name],
        after: predecessorsOf(name, services),
        ports: Object.entries(APIS)
          .filter(([, { service }]) => service === name)
          .map(([api, { port }]) => ({ internal: port, external: ports[api as ApiName] })),
        ...(path && { volume: { name: `${names}-${name}`, path } }),
        environment: environmentOf(name, addresses),
        check: checkOf(name, tls),
        healthcheck: healthcheckOf(name, tls),
        gates: GATES.includes(name),
        // Nova's services wait for their timers before they end, for ten seconds at times, and hold nothing that would be lost.
        graceSeconds: name === "mariadb" || name === "rabbitmq" ? 30 : 3,
      };
    }),
  };
}

/** What clients of each API call it: its address in the stack's network, and this machine's own names. */
export function tlsNames({
  addresses,
}: Pick<ControlPlanePlan, "addresses">): Record<ApiName, string[]> {
  return Object.fromEntries(
    Object.entries(APIS).map(([api, { service }]) => [
      api,
      [addresses[service], "127.0.0.1", "localhost"],
    ]),
  ) as Record<ApiName, string[]>;
}

/** Virtual machines of a standalone stack; the plan is empty for one that has none. */
export function planStandaloneMachines(settings: Settings, stack: string): MachinesPlan {
  const { libvirt, names, baremetal, standalone } = settings;
  const { vcpus, memoryMb } = standalone.node;
  return planMachines(libvirt, names, stack, {
    baremetal,
    ...(runsOnNode(settings) && { controller: { vcpus, memoryMb } }),
  });
}

/** Address of the node that all services run on; undefined where each has a container. It is no stack's own. */
function nodeAddress(settings: Settings): string | undefined {
  return planStandaloneMachines(settings, "").nodes.find(({ role }) => role === "controller")
    ?.external?.address;
}

/** Services that others wait for: docker asks often, because a start waits until it has. */
const GATES: readonly ServiceName[] = ["mariadb", "rabbitmq", "ovn-nb-db", "ovn-sb-db"];

/** Services that start without the message bus; nova-api connects when it first sends. */
const DATABASE_ONLY: readonly ServiceName[] = ["keystone", "placement", "glance", "nova-api"];

function predecessorsOf(name: ServiceName, deployed: readonly ServiceName[]): ServiceName[] {
  const after = (...services: ServiceName[]) => services.filter((s) => deployed.includes(s));
  if (GATES.includes(name) || name === "memcached") return [];
  if (name === "ovn-northd") return after("ovn-nb-db", "ovn-sb-db");
  if (DATABASE_ONLY.includes(name)) return after("mariadb", "memcached");
  if (name === "neutron-server") {
    return after("mariadb", "rabbitmq", "memcached", "ovn-nb-db", "ovn-sb-db");
  }
  return after("mariadb", "rabbitmq", "memcached");
}

function environmentOf(
  name: ServiceName,
  addresses: Record<ServiceName, string>,
): Record<string, string> {
  if (name !== "ovn-northd") return {};
  return {
    OVN_NB: `tcp:${addresses["ovn-nb-db"]}:${OVN_NORTHBOUND_PORT}`,
    OVN_SB: `tcp:${addresses["ovn-sb-db"]}:${OVN_SOUTHBOUND_PORT}`,
  };
}

function healthcheckOf(name: ServiceName, tls: boolean): ServicePlan["healthcheck"] {
  const check = checkCommand(checkOf(name, tls));
  const once = { test: ["CMD", ...check], intervalSeconds: 30, timeoutSeconds: 15 };
  if (!GATES.includes(name)) return once;
  // The script takes its time once the service is well, which counts.
  const test = ["CMD", "/usr/lib/overcloud/bin/check-seldom", ...check];
  return { test, intervalSeconds: 2, timeoutSeconds: 45 };
}
