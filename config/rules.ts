import { hostOf, indexOf } from "../components/compute/hosts.ts";
import { spread } from "../components/docker-hosts/spread.ts";
import { SERVICES } from "../components/standalone/services.ts";
import { undercloudTarget } from "../components/infrared/target.ts";
import { bridgesOf, poolPath } from "../components/libvirt/plan.ts";
import { COMPUTE_PARENT_NAME, KEEPER_NAME, TUNNELS_NAME } from "../components/names.ts";
import { COMPUTE_RELEASES, computeReleaseOf } from "../components/overcloud/release.ts";
import { selectSteps } from "../components/overcloud/steps.ts";
import { overlap, usableAddresses } from "./addresses.ts";
import { checkEngines, checkHosts } from "./hosts.ts";
import { checkInfrared } from "./infrared.ts";
import {
  checkLibvirt,
  checkLibvirtHost,
  checkRoutes,
  HOST_RESERVE_MB,
  libvirtNetworks,
  MAX_CONTROLLERS,
  nodesMemoryMb,
} from "./libvirt.ts";
import { checkBmcPorts, checkOvercloud } from "./overcloud.ts";
import {
  checkStandalone,
  hasMachines,
  machinesMemoryMb,
  runsOnNode,
  standaloneNetworks,
} from "./standalone.ts";
import { placementOf, type HostFacts, type LivingCloud } from "./host.ts";
import type { Problem } from "./problems.ts";
import type { Networking, Settings, Sharing } from "./schema.ts";
import { checkMerging, checkSharing } from "./sharing.ts";

/** Where the computes' addresses begin in the stack's network; what lies below is the control plane's. */
export const FIRST_COMPUTE_OFFSET = 64;

/** Memory of the control plane in MiB, as `npm run bench` measures it, rounded up. */
export const CONTROL_PLANE_MEMORY_MB = 2048;

/**
 * What the machine has less in MiB with each simulated compute, its container's shim and the kernel's own included, as `npm run bench`
 * measures it at 100 and more, rounded up; by what computes share.
 */
export const COMPUTE_MEMORY_MB: Record<Networking, Record<Sharing, number>> = {
  ovn: { none: 160, forked: 55, merged: 40 },
  ovs: { none: 310, forked: 100, merged: 55 },
};

/** Memory in MiB of what computes that share are forked from. */
export const PARENT_MEMORY_MB: Record<Networking, number> = { ovn: 150, ovs: 300 };

/** Rules that involve several keys: pure, so that they hold on any machine. */
export function checkSettings(settings: Settings): Problem[] {
  const { network, computes, compute, ports } = settings;
  const problems =
    settings.controlPlane === "tripleo" ? checkTripleo(settings) : checkStandaloneCloud(settings);
  problems.push(...checkSharing(settings), ...checkHosts(settings));
  if (compute.transportZoneSize !== undefined && settings.networking !== "ovn") {
    problems.push({
      key: "compute.transportZoneSize",
      value: compute.transportZoneSize,
      message:
        "is for networking ovn; Open vSwitch agents have tunnels only to where a network's servers are",
      involves: ["networking"],
    });
  }

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

/** Rules of `controlPlane: standalone`. */
function checkStandaloneCloud(settings: Settings): Problem[] {
  const { network, overcloud, baremetal } = settings;
  return [
    ...checkStandalone(settings),
    ...checkApart(network, standaloneNetworks(settings)),
    ...checkBmcPorts(overcloud, baremetal),
  ];
}

/** The computes' networks are none of libvirt's. */
function checkApart(network: Settings["network"], others: readonly [string, string][]): Problem[] {
  return (["cidr", "tunnelCidr"] as const).flatMap((key) =>
    others
      .filter(([, other]) => overlap(network[key], other))
      .map(([otherKey, other]) => ({
        key: `network.${key}`,
        value: network[key],
        message: `overlaps ${otherKey} (${other})`,
        involves: [otherKey],
      })),
  );
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
  problems.push(...checkApart(network, libvirtNetworks(libvirt)));
  if (settings.baremetal > 0) {
    problems.push({
      key: "baremetal",
      value: settings.baremetal,
      message: "is for controlPlane standalone; the nodes of an overcloud are libvirt.nodes",
      involves: ["controlPlane"],
    });
  }
  if (settings.tls) {
    problems.push({
      key: "tls",
      value: true,
      message: "is for controlPlane standalone; an overcloud's APIs have what TripleO gives them",
      involves: ["controlPlane"],
    });
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
  const { network, computes, compute, networking, ports } = settings;
  const bridges = Object.values(bridgesOf(settings.names));
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
  problems.push(
    ...(tripleo
      ? checkLibvirtHost(settings.libvirt, host, bridges)
      : checkRoutes(standaloneNetworks(settings), host, bridges)),
  );
  for (const [api, port] of tripleo || runsOnNode(settings) ? [] : Object.entries(ports)) {
    if (host.portsInUse.includes(port)) {
      problems.push({
        key: `ports.${api}`,
        value: port,
        message: "is in use on this machine; choose another port, or stop what listens there",
      });
    }
  }
  problems.push(
    ...checkNames(settings, host),
    ...checkLiving(settings, host),
    ...checkMerging(settings, host.merging),
  );
  const base = baseMemoryMb(settings);
  const each = COMPUTE_MEMORY_MB[networking][compute.sharing];
  const needed = base + computes * each;
  // Nodes that do not fit by themselves are reported as what they are.
  if (settings.hosts.length > 0) {
    return [...problems, ...checkEngines(enginesToCheck(settings, host, base))];
  }
  if (needed > host.memoryMb && !(tripleo && base > host.memoryMb)) {
    const most = Math.max(0, Math.floor((host.memoryMb - base) / each));
    const machines = !tripleo && hasMachines(settings) ? " and its machines" : "";
    problems.push({
      key: "computes",
      value: computes,
      message: `needs about ${needed} MiB of memory (${base} for the control plane${machines} and ${each} for each compute), this machine has ${host.memoryMb}; at most ${most} fit${compute.sharing === "none" && !tripleo ? ", more with compute.sharing (docs/scale.md)" : ""}`,
      involves: ["networking", "compute.sharing", "libvirt.nodes", "standalone", "baremetal"],
    });
  }
  return problems;
}

/** What each docker host gets of the stack. */
function enginesToCheck(settings: Settings, { engines, placed }: HostFacts, baseMb: number) {
  const { hosts, names, computes, networking, compute } = settings;
  const places = spread(hosts, computes, placed);
  const here = hosts.map(({ name }) =>
    places.flatMap((place, index) => (place === name ? [hostOf(index)] : [])),
  );
  const parents = compute.sharing === "none" ? [] : [COMPUTE_PARENT_NAME];
  const containerNames = here.map((each) =>
    (each.length === 0 ? [] : [...each, ...parents]).map((name) => `${names}-${name}`),
  );
  const neededMb = here.map(({ length }, index) => {
    const parent = length > 0 ? parents.length * PARENT_MEMORY_MB[networking] : 0;
    // The base has this machine's parent in it.
    return (
      (index === 0 ? baseMb : parent) + length * COMPUTE_MEMORY_MB[networking][compute.sharing]
    );
  });
  return { hosts, engines, containerNames, neededMb };
}

/** Memory in MiB that the stack takes without its simulated computes. */
function baseMemoryMb(settings: Settings): number {
  if (settings.controlPlane === "tripleo") return nodesMemoryMb(settings.libvirt) + HOST_RESERVE_MB;
  const services = runsOnNode(settings) ? 0 : CONTROL_PLANE_MEMORY_MB;
  const { networking, compute, computes } = settings;
  const parent = compute.sharing !== "none" && computes > 0 ? PARENT_MEMORY_MB[networking] : 0;
  return services + parent + machinesMemoryMb(settings);
}

/** Docker objects of somebody else must not have the names that this stack gives to its own. */
function checkNames(
  { names, computes, controlPlane, compute, hosts }: Settings,
  { foreignNames }: HostFacts,
): Problem[] {
  const taken = foreignNames.find((name) => {
    if (name === names) return true;
    if (!name.startsWith(`${names}-`)) return false;
    const rest = name.slice(names.length + 1);
    const index = indexOf(rest);
    if (rest === COMPUTE_PARENT_NAME) return compute.sharing !== "none" && computes > 0;
    const services: readonly string[] = controlPlane === "tripleo" ? [KEEPER_NAME] : SERVICES;
    const others = hosts.length > 0 ? [...services, TUNNELS_NAME] : services;
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
  const { controlPlane, names, networking, network, standalone, libvirt } = settings;
  if (living === undefined) return [];
  const pairs: [key: string, value: unknown, deployed: string | undefined][] = [
    ["controlPlane", controlPlane, living.controlPlane],
    ["names", names, living.name],
    ["networking", networking, living.networking],
    ["network.cidr", network.cidr, living.cidr],
    ["network.tenantCidr", network.tenantCidr, living.tenantCidr],
  ];
  if (runsOnNode(settings)) {
    pairs.push(
      ["libvirt.networks.external.cidr", libvirt.networks.external.cidr, living.externalCidr],
      ["libvirt.pool", poolPath(libvirt, names), living.pool],
      ["standalone.node.dataGb", standalone.node.dataGb, living.dataGb],
    );
  }
  return [
    ...checkMove(settings, living),
    ...checkSpan(settings, living),
    ...pairs.flatMap(([key, value, deployed]) =>
      deployed === undefined || deployed === String(value)
        ? []
        : [
            {
              key,
              value,
              message: `can't be changed while the stack is deployed with ${deployed}: set it back, or run \`pulumi destroy\` first`,
            },
          ],
    ),
  ];
}

/** A control plane that moves leaves its databases behind, and every server with them: somebody has to want that. */
function checkMove(settings: Settings, living: LivingCloud): Problem[] {
  const from = placementOf(living);
  const { placement } = settings.standalone;
  if (from === undefined || settings.controlPlane === "tripleo" || from === placement) return [];
  if (settings.confirm.movePlacement === placement) return [];
  return [
    {
      key: "standalone.placement",
      value: placement,
      message: `can't be changed from ${from} without losing the cloud's databases, servers included: set it back, or set confirm.movePlacement to ${placement} to have a new cloud made in its place`,
      involves: ["confirm.movePlacement"],
    },
  ];
}

/** A network is one machine's or a swarm's, and everything is on it. */
function checkSpan({ hosts, controlPlane }: Settings, living: LivingCloud): Problem[] {
  const spans = living.driver === "overlay";
  if (controlPlane === "tripleo" || spans === hosts.length > 0) return [];
  const [from, back] = spans
    ? ["with hosts", "name at least this machine"]
    : ["without hosts", "take the key out"];
  return [
    {
      key: "hosts",
      message: `can't be changed while the stack is deployed ${from}, because its network is another: ${back}, or run \`pulumi destroy\` first`,
    },
  ];
}
