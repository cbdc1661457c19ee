import { indexOf } from "../components/compute/hosts.ts";
import { SERVICES } from "../components/standalone/services.ts";
import { undercloudTarget } from "../components/infrared/target.ts";
import { bridgesOf } from "../components/libvirt/plan.ts";
import { KEEPER_NAME } from "../components/names.ts";
import { COMPUTE_RELEASES, computeReleaseOf } from "../components/overcloud/release.ts";
import { selectSteps } from "../components/overcloud/steps.ts";
import { overlap, usableAddresses } from "./addresses.ts";
import { checkInfrared } from "./infrared.ts";
import {
  checkLibvirt,
  checkLibvirtHost,
  HOST_RESERVE_MB,
  libvirtNetworks,
  MAX_CONTROLLERS,
  nodesMemoryMb,
} from "./libvirt.ts";
import { checkBmcPorts, checkOvercloud } from "./overcloud.ts";
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
  const problems: Problem[] = settings.controlPlane === "tripleo" ? checkTripleo(settings) : [];

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

/** Rules of `controlPlane: tripleo`; its keys are nobody's business otherwise. */
function checkTripleo(settings: Settings): Problem[] {
  const { names, computes, network, libvirt, overcloud } = settings;
  const { compute } = libvirt.nodes;
  const problems = [
    ...checkLibvirt(libvirt, names),
    ...checkInfrared(settings.infrared, undercloudTarget(settings)),
    ...checkOvercloud(settings),
    ...checkBmcPorts(overcloud, MAX_CONTROLLERS + compute.count),
  ];
  for (const key of ["cidr", "tunnelCidr"] as const) {
    for (const [otherKey, other] of libvirtNetworks(libvirt)) {
      if (!overlap(network[key], other)) continue;
      const message = `overlaps ${otherKey} (${other})`;
      problems.push({ key: `network.${key}`, value: network[key], message, involves: [otherKey] });
    }
  }
  if (computes > 0 && compute.count === 0) {
    problems.push({
      key: "libvirt.nodes.compute.count",
      value: 0,
      message: "must be at least 1: simulated computes take their configuration from a real one",
      involves: ["computes"],
    });
  }
  const { release, computeImage } = overcloud;
  if (computes > 0 && computeImage === undefined && computeReleaseOf(release) === undefined) {
    problems.push({
      key: "overcloud.computeImage",
      value: computeImage,
      message: `must name an image with nova-compute of ${release} or the release before it: the project makes those of ${COMPUTE_RELEASES.join(" and ")} only`,
      involves: ["overcloud.release", "computes"],
    });
  }
  const { steps } = selectSteps(release, settings);
  if (computes > 0 && steps.every(({ name }) => name !== "simulate_compute_node")) {
    problems.push({
      key: "computes",
      value: computes,
      message:
        "needs the step simulate_compute_node, which steps or skip leave out: add it, or set computes to 0",
      involves: ["steps", "skip"],
    });
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
  const tripleo = settings.controlPlane === "tripleo";
  if (tripleo) {
    problems.push(
      ...checkLibvirtHost(settings.libvirt, host, Object.values(bridgesOf(settings.names))),
    );
  }
  for (const [api, port] of tripleo ? [] : Object.entries(ports)) {
    if (host.portsInUse.includes(port)) {
      problems.push({
        key: `ports.${api}`,
        value: port,
        message: "is in use on this machine; choose another port, or stop what listens there",
      });
    }
  }
  problems.push(...checkNames(settings, host), ...checkLiving(settings, host));
  const base = tripleo
    ? nodesMemoryMb(settings.libvirt) + HOST_RESERVE_MB
    : CONTROL_PLANE_MEMORY_MB;
  const needed = base + computes * COMPUTE_MEMORY_MB[networking];
  // Nodes that do not fit by themselves are reported as what they are.
  if (needed > host.memoryMb && !(tripleo && base > host.memoryMb)) {
    const most = Math.max(0, Math.floor((host.memoryMb - base) / COMPUTE_MEMORY_MB[networking]));
    problems.push({
      key: "computes",
      value: computes,
      message: `needs about ${needed} MiB of memory (${base} for the control plane and ${COMPUTE_MEMORY_MB[networking]} for each compute), this machine has ${host.memoryMb}; at most ${most} fit`,
      involves: ["networking", "libvirt.nodes"],
    });
  }
  return problems;
}

/** Docker objects of somebody else must not have the names that this stack gives to its own. */
function checkNames(
  { names, computes, controlPlane }: Settings,
  { foreignNames }: HostFacts,
): Problem[] {
  const taken = foreignNames.find((name) => {
    if (name === names) return true;
    if (!name.startsWith(`${names}-`)) return false;
    const rest = name.slice(names.length + 1);
    const index = indexOf(rest);
    const others: readonly string[] = controlPlane === "tripleo" ? [KEEPER_NAME] : SERVICES;
    return index === undefined ? others.includes(rest) : index < computes;
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
function checkLiving(settings: Settings, { living }: HostFacts): Problem[] {
  const { controlPlane, names, networking, network } = settings;
  if (living === undefined) return [];
  const pairs = [
    ["controlPlane", controlPlane, living.controlPlane],
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
