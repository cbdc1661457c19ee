import { indexOf } from "../components/compute/hosts.ts";
import { SERVICES } from "../components/standalone/services.ts";
import { overlap, usableAddresses } from "./addresses.ts";
import type { HostFacts } from "./host.ts";
import type { Problem } from "./problems.ts";
import type { Networking, Settings } from "./schema.ts";

/** Where the computes' addresses begin in the stack's network; what lies below is the control plane's. */
export const FIRST_COMPUTE_OFFSET = 64;

/** Memory of the control plane in MiB, as `npm run bench` measures it, rounded up. */
export const CONTROL_PLANE_MEMORY_MB = 2048;

/** Memory of one simulated compute in MiB, as `npm run bench` measures it, rounded up. */
export const COMPUTE_MEMORY_MB: Record<Networking, number> = { ovn: 160, ovs: 310 };

/** Rules that involve several keys: pure, so that they hold on any machine. */
export function checkSettings(settings: Settings): Problem[] {
  const { network, computes, compute, ports } = settings;
  const problems: Problem[] = [];

  const needed = FIRST_COMPUTE_OFFSET - 1 + computes;
  for (const key of ["cidr", "tunnelCidr"] as const) {
    const available = usableAddresses(network[key]);
    if (available < needed) {
      problems.push({
        key: `network.${key}`,
        value: network[key],
        message: `is too small: ${computes} computes and the control plane need ${needed} addresses, it has ${available}`,
        involves: ["computes"],
      });
    }
  }
  const networks = Object.entries(network);
  networks.forEach(([key, value], position) => {
    for (const [otherKey, other] of networks.slice(0, position)) {
      if (overlap(value, other)) {
        problems.push({
          key: `network.${key}`,
          value,
          message: `overlaps network.${otherKey} (${other})`,
          involves: [`network.${otherKey}`],
        });
      }
    }
  });
  if (usableAddresses(network.tenantCidr) < 2) {
    problems.push({
      key: "network.tenantCidr",
      value: network.tenantCidr,
      message: "is too small: servers need at least 2 addresses",
    });
  }
  if (compute.downTimeSeconds < 2 * compute.reportIntervalSeconds) {
    problems.push({
      key: "compute.downTimeSeconds",
      value: compute.downTimeSeconds,
      message: `must be at least twice compute.reportIntervalSeconds (${compute.reportIntervalSeconds}), or live services count as down`,
      involves: ["compute.reportIntervalSeconds"],
    });
  }
  const byPort = Map.groupBy(Object.entries(ports), ([, port]) => port);
  for (const [port, [[first] = [], ...others]] of byPort) {
    for (const [api] of others) {
      problems.push({
        key: `ports.${api}`,
        value: port,
        message: `is also the port of ${first}`,
        involves: [`ports.${first}`],
      });
    }
  }
  return problems;
}

/** Rules that involve the machine. */
export function checkHost(settings: Settings, host: HostFacts): Problem[] {
  const { network, computes, networking, ports } = settings;
  const problems: Problem[] = [];
  for (const [key, value] of [
    ["network.cidr", network.cidr],
    ["network.tunnelCidr", network.tunnelCidr],
  ] as const) {
    for (const { cidr, device } of host.routes.filter((route) => overlap(value, route.cidr))) {
      problems.push({
        key,
        value,
        message: `overlaps this machine's route to ${cidr} (${device}); choose another network`,
      });
    }
  }
  for (const [api, port] of Object.entries(ports)) {
    if (host.portsInUse.includes(port)) {
      problems.push({
        key: `ports.${api}`,
        value: port,
        message: "is in use on this machine; choose another port, or stop what listens there",
      });
    }
  }
  problems.push(...checkNames(settings, host), ...checkLiving(settings, host));
  const needed = memoryNeededMb(computes, networking);
  if (needed > host.memoryMb) {
    const most = Math.max(
      0,
      Math.floor((host.memoryMb - CONTROL_PLANE_MEMORY_MB) / COMPUTE_MEMORY_MB[networking]),
    );
    problems.push({
      key: "computes",
      value: computes,
      message: `needs about ${needed} MiB of memory (${CONTROL_PLANE_MEMORY_MB} for the control plane and ${COMPUTE_MEMORY_MB[networking]} for each compute), this machine has ${host.memoryMb}; at most ${most} fit`,
      involves: ["networking"],
    });
  }
  return problems;
}

/** Docker objects of somebody else must not have the names that this stack gives to its own. */
function checkNames({ names, computes }: Settings, { foreignNames }: HostFacts): Problem[] {
  const taken = foreignNames.find((name) => {
    if (name === names) return true;
    if (!name.startsWith(`${names}-`)) return false;
    const rest = name.slice(names.length + 1);
    const index = indexOf(rest);
    return index === undefined ? (SERVICES as readonly string[]).includes(rest) : index < computes;
  });
  if (taken === undefined) return [];
  return [
    {
      key: "names",
      value: names,
      message: `leads to the name ${taken}, which docker has already for something that is not this stack's; choose another prefix`,
    },
  ];
}

/** What a deployed cloud keeps in its databases and addresses can't be changed under it. */
function checkLiving({ names, networking, network }: Settings, { living }: HostFacts): Problem[] {
  if (living === undefined) return [];
  const pairs = [
    ["names", names, living.name],
    ["networking", networking, living.networking],
    ["network.cidr", network.cidr, living.cidr],
    ["network.tenantCidr", network.tenantCidr, living.tenantCidr],
  ] as const;
  return pairs.flatMap(([key, value, deployed]) =>
    deployed === undefined || deployed === value
      ? []
      : [
          {
            key,
            value,
            message: `can't be changed while the stack is deployed with ${deployed}: set it back, or run \`pulumi destroy\` first`,
          },
        ],
  );
}

/** Memory that a cloud of this size takes, in MiB. */
export function memoryNeededMb(computes: number, networking: Networking): number {
  return CONTROL_PLANE_MEMORY_MB + computes * COMPUTE_MEMORY_MB[networking];
}
