import * as command from "@pulumi/command";
import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import type { Settings } from "../../config/schema.ts";
import { NO_NEW_PRIVILEGES, onlyCapabilities } from "../container/confinement.ts";
import { asSet } from "../container/sets.ts";
import { uploads, type Files } from "../container/uploads.ts";
import { DockerHosts, type Place } from "../docker-hosts/docker-hosts.ts";
import { labelList, labelsOf } from "../names.ts";
import type { CloudReference } from "../openstack/session.ts";
import { Step, stepCommand } from "../step/step.ts";
import type { ComputeConnection } from "./connection.ts";
import { inspectComputes, listComputes } from "./containers.ts";
import type { Guarded } from "./guard.ts";
import { COMPUTE_CAPABILITIES, ComputeParent, sharingEnvironment } from "./parent.ts";
import { DEPLOYED_MARKER, GUARD_MARKER } from "../upkeep/epoch.ts";
import { planComputes, type ComputePlan } from "./plan.ts";
import type { ComputesReady } from "./wait.ts";

export interface SimulatedComputesArgs {
  settings: Settings;
  /** Stack that everything is labelled with, and part of each compute's identity. */
  stack: string;
  imageId: pulumi.Input<string>;
  /** The docker network that the control plane is reached on. */
  networkName: pulumi.Input<string>;
  /** The docker network of the tunnels, where they have one of their own. */
  tunnelNetworkName?: pulumi.Input<string> | undefined;
  /** Docker hosts that computes are on already, by the computes' index. */
  placed?: ReadonlyMap<number, string>;
  /** Where the control plane is and how to log in there; secret. */
  connection: pulumi.Output<ComputeConnection>;
  cloud: CloudReference;
  /** Program that has hosts mapped to their cell that the scheduler passes over, with its arguments. */
  mapHosts: string[];
  /** Program that has hosts that were taken out mapped like new ones should they come back, where there is one. */
  unmapHosts?: string[] | undefined;
  /** Folder for what the stack writes for its user. */
  outputDirectory: string;
  /** Changes when waiting and checking has to be done again; see components/upkeep. */
  epoch: string;
  /** The control plane: when it is deleted, computes needn't be taken out of it. */
  controlPlane: pulumi.Resource;
}

/** Seconds that a compute gets to stop by itself: it has no state to save, and nova-compute, when asked, takes two to ten. */
const GRACE_SECONDS = 1;

/**
 * Weight of one compute when all want the CPU. A control plane's services have 4096 each: a thousand busy computes together
 * are given less than they are.
 */
const CPU_SHARES = 32;

/** Seconds for all computes to be up: a base, and what each of them costs two busy cores. */
const readyTimeout = (computes: number) => 180 + 10 * computes;

/** Seconds for all computes to be taken out, servers included. */
const deregisterTimeout = (computes: number) => 600 + 10 * computes;

/**
 * The simulated computes: one container each, and one registration for all of them, which is made anew when some leave: when the one
 * of before is removed, it takes the computes that have gone out of the cloud. The containers depend on it, so Pulumi stops them first.
 */
export class SimulatedComputes extends pulumi.ComponentResource {
  /** What the cloud says of them once all are up. */
  readonly hypervisors: pulumi.Output<ComputesReady>;

  constructor(
    name: string,
    args: SimulatedComputesArgs,
    options?: pulumi.ComponentResourceOptions,
  ) {
    super("overcloud:index:SimulatedComputes", name, {}, options);
    const { settings, stack, cloud } = args;
    const directory = `${args.outputDirectory}/logs`;

    const guard = new Step(
      "scale-down-guard",
      {
        directory,
        run: {
          action: "compute/guard",
          args: {
            ...cloud,
            computes: settings.computes,
            scaleDown: settings.scaleDown,
            listComputes: listComputes(stack, settings.hosts),
            marker: `${args.outputDirectory}/${GUARD_MARKER}`,
          },
          timeoutSeconds: 120,
        },
        rerunOn: [args.epoch],
        previous: true,
      },
      { parent: this },
    );

    const { hosts } = settings;
    const dockerHosts =
      hosts.length > 1
        ? new DockerHosts("docker-hosts", { ...args, hosts, directory }, { parent: this })
        : undefined;
    const plan = planComputes(settings, stack, args.placed);
    const parents = this.#parents(plan, args, dockerHosts);
    const departure = guard.result.apply((json) => (JSON.parse(json) as Guarded).departure);
    const registration = this.#registration(args, directory, departure);
    const containers = untraced(() =>
      plan.map((compute) => {
        const { provider, dependsOn = [] } = dockerHosts?.placeOf(compute.dockerHost) ?? {};
        const parent = parents.get(compute.dockerHost?.name);
        return this.#container(compute, args, parent, {
          ...(provider && { provider }),
          dependsOn: [registration, guard, ...dependsOn, ...(parent ? [parent] : [])],
        });
      }),
    );

    const ready = new Step(
      "wait-for-computes",
      {
        directory,
        run: {
          action: "compute/wait",
          args: {
            ...cloud,
            computes: settings.computes,
            reportIntervalSeconds: settings.compute.reportIntervalSeconds,
            inspectComputes: inspectComputes(stack, hosts),
            mapHosts: args.mapHosts,
            marker: `${args.outputDirectory}/${DEPLOYED_MARKER}`,
          },
          timeoutSeconds: readyTimeout(settings.computes),
        },
        rerunOn: pulumi.all([args.epoch, ...containers.map((container) => container.id)]),
      },
      { parent: this, dependsOn: [guard, ...containers] },
    );
    this.hypervisors = ready.result.apply((json) => JSON.parse(json) as ComputesReady);
    this.registerOutputs({ hypervisors: this.hypervisors });
  }

  /** One for all: with one for each, a start of hundreds writes Pulumi's state twice as often, and it grows with their number. */
  #registration(
    { cloud, controlPlane, settings, stack, unmapHosts }: SimulatedComputesArgs,
    directory: string,
    departure: pulumi.Output<string>,
  ): command.local.Command {
    return new command.local.Command(
      "registration",
      stepCommand("deregister-computes", {
        directory,
        remove: {
          action: "compute/deregister",
          args: {
            ...cloud,
            computes: settings.computes,
            inspectComputes: listComputes(stack, settings.hosts),
            ...(unmapHosts && { unmapHosts }),
          },
          timeoutSeconds: deregisterTimeout(settings.computes),
        },
        replaceOn: [departure],
      }),
      { parent: this, deletedWith: controlPlane },
    );
  }

  /** Where computes share memory: what their services are forked from, on each machine that has some. */
  #parents(
    plan: readonly ComputePlan[],
    args: SimulatedComputesArgs,
    dockerHosts: DockerHosts | undefined,
  ): ReadonlyMap<string | undefined, ComputeParent> {
    const { settings, stack, imageId } = args;
    if (settings.compute.sharing === "none") return new Map();
    const files = filesOf(args);
    const machines = new Map(plan.map(({ dockerHost }) => [dockerHost?.name, dockerHost]));
    return new Map(
      [...machines].map(([machine, dockerHost]) => {
        const { provider, dependsOn = [] } = dockerHosts?.placeOf(dockerHost) ?? {};
        const parent = new ComputeParent(
          provider && machine !== undefined ? `parent-on-${machine}` : "parent",
          { settings, stack, imageId, files, ...(provider && { machine }) },
          { parent: this, dependsOn, ...(provider && { provider }) },
        );
        return [machine, parent];
      }),
    );
  }

  #container(
    compute: ComputePlan,
    args: SimulatedComputesArgs,
    parent: ComputeParent | undefined,
    place: Place,
  ): docker.Container {
    // Only its files are secret, and what Pulumi takes for a secret is hidden in previews and encrypted whenever the state is written.
    const connection = pulumi.unsecret(args.connection);
    return new docker.Container(
      compute.host,
      {
        name: compute.containerName,
        hostname: compute.host,
        image: args.imageId,
        entrypoints: ["/usr/lib/overcloud/bin/compute"],
        envs: pulumi
          .all([connection, parent?.environment ?? []])
          .apply(([known, ofParent]) =>
            asSet([...environmentOf(compute, args, known), ...ofParent]),
          ),
        networksAdvanced: networksOf(compute, args),
        ...(parent ? { volumes: [parent.mount] } : { uploads: uploads(filesOf(args)) }),
        hosts: connection.apply(({ hosts = [] }) => hosts),
        // Raw sockets are the switch's; files in folders of nova's are written by root.
        capabilities: onlyCapabilities(...COMPUTE_CAPABILITIES),
        securityOpts: NO_NEW_PRIVILEGES,
        devices: [{ hostPath: "/dev/net/tun", containerPath: "/dev/net/tun", permissions: "rwm" }],
        // eth0 and the tunnels' bridge are on one wire: each answers for its own address only.
        sysctls: { "net.ipv4.conf.all.arp_ignore": "1" },
        restart: "unless-stopped",
        cpuShares: CPU_SHARES,
        destroyGraceSeconds: GRACE_SECONDS,
        logDriver: "json-file",
        logOpts: { "max-size": "5m", "max-file": "2" },
        labels: labelList(
          labelsOf(args.stack, {
            role: "simulated-compute",
            index: String(compute.index),
            // Another host is another container, which Pulumi does not see in a change to or from its own provider.
            ...(compute.dockerHost && { host: compute.dockerHost.name }),
          }),
        ),
        mustRun: true,
      },
      { parent: this, ...place, deleteBeforeReplace: true },
    );
  }
}

/**
 * Makes resources without a stack for each of their promises, of which a container has three hundred: that was a third of the
 * program's time with a hundred of them. Where in the program a resource was made is known all the same.
 */
function untraced<T>(make: () => T): T {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return make();
  } finally {
    Error.stackTraceLimit = limit;
  }
}

/** What the services of every compute are configured with. */
function filesOf({ settings, connection }: SimulatedComputesArgs): pulumi.Output<Files> {
  return connection.apply(({ nova, agent }) => ({
    ...nova,
    ...(settings.networking === "ovs" && agent),
  }));
}

/** What the start script of a compute needs to know. */
function environmentOf(
  compute: ComputePlan,
  { settings, tunnelNetworkName }: SimulatedComputesArgs,
  { ovnRemote, tunnelRoutes }: ComputeConnection,
): string[] {
  return [
    `OVERCLOUD_COMPUTE_ID=${compute.id}`,
    ...sharingEnvironment(settings.networking, settings.compute.sharing),
    `OVERCLOUD_TUNNEL_ADDRESS=${compute.tunnelAddress}`,
    ...(tunnelNetworkName === undefined ? [] : [`OVERCLOUD_ADDRESS=${compute.address}`]),
    ...(ovnRemote === undefined ? [] : [`OVERCLOUD_OVN_REMOTE=${ovnRemote}`]),
    ...(compute.transportZone === undefined
      ? []
      : [`OVERCLOUD_TRANSPORT_ZONE=${compute.transportZone}`]),
    ...(tunnelRoutes === undefined
      ? []
      : [
          `OVERCLOUD_TUNNEL_NETWORKS=${tunnelRoutes.networks.join(" ")}`,
          `OVERCLOUD_TUNNEL_GATEWAY=${tunnelRoutes.gateway}`,
        ]),
  ];
}

/** The networks that a compute is on, with its addresses there. */
function networksOf(
  { address, tunnelAddress }: ComputePlan,
  { networkName, tunnelNetworkName }: SimulatedComputesArgs,
) {
  return [
    { name: networkName, ipv4Address: address },
    ...(tunnelNetworkName === undefined
      ? []
      : [{ name: tunnelNetworkName, ipv4Address: tunnelAddress.split("/")[0] ?? "" }]),
  ];
}
