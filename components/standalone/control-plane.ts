import { join } from "node:path";
import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { runsOnNode } from "../../config/standalone.ts";
import { AccessFiles } from "../access/access-files.ts";
import { planBmcs } from "../bmc/plan.ts";
import type { ComputeConnection } from "../compute/connection.ts";
import { overlayNetwork, stackNetwork } from "../container/network.ts";
import type { ControlPlane, ControlPlaneArgs, NodeOutput } from "../control-plane.ts";
import { domainTypeOf } from "../libvirt/domain-type.ts";
import { nodeOutputs } from "../libvirt/access.ts";
import type { CloudReference } from "../openstack/session.ts";
import { PROJECT_DIRECTORY } from "../project.ts";
import { Step } from "../step/step.ts";
import { Configuration } from "./configuration.ts";
import { placeInContainers } from "./containers.ts";
import type { StandaloneMachines } from "./machines.ts";
import { placeOnNode } from "./node.ts";
import {
  planControlPlane,
  planStandaloneMachines,
  tlsNames,
  type ControlPlanePlan,
} from "./plan.ts";

export interface StandaloneControlPlaneArgs extends ControlPlaneArgs {
  /** How virtual machines are made; needed where the settings ask for some. */
  machinery?: {
    StandaloneMachines: typeof StandaloneMachines;
    /** Hash of what makes an image of services one of a node. */
    nodeImageHash: string;
  };
}

/** OpenStack from distribution packages, for a docker network of the stack: in containers there, or on a node. */
export class StandaloneControlPlane extends pulumi.ComponentResource implements ControlPlane {
  readonly plan: ControlPlanePlan;
  readonly networkName: pulumi.Output<string>;
  readonly tunnelNetworkName?: pulumi.Output<string>;
  readonly computeConnection: pulumi.Output<ComputeConnection>;
  readonly access: AccessFiles;
  readonly cloud: CloudReference;
  readonly mapHosts: string[];
  readonly unmapHosts: string[];
  readonly ready: Step;
  readonly endpoints: Record<string, string>;
  readonly nodes: Record<string, NodeOutput>;

  constructor(
    name: string,
    { machinery, ...args }: StandaloneControlPlaneArgs,
    options?: pulumi.ComponentResourceOptions,
  ) {
    super("overcloud:index:StandaloneControlPlane", name, {}, options);
    const { settings, stack, outputDirectory } = args;
    const plan = planControlPlane(settings);
    this.plan = plan;
    this.endpoints = Object.fromEntries(
      Object.entries(plan.endpoints).map(([api, urls]) => [api, urls.public]),
    );
    const certificates = settings.tls
      ? args.credentials.apply(async ({ tlsKeys }) => {
          // Loaded where it is needed alone: every preview and update of a cloud without starts faster.
          const { apiCertificates } = await import("../tls/api-certificates.ts");
          return apiCertificates(settings.names, tlsKeys, tlsNames(plan));
        })
      : undefined;
    const configuration = pulumi
      .all([args.credentials, certificates])
      .apply(([credentials, made]) => new Configuration(settings, plan, credentials, made));
    this.computeConnection = pulumi.secret(configuration.apply((c) => c.computeConnection()));

    const network = new docker.Network(
      `${name}-network`,
      plan.tunnelNetwork
        ? overlayNetwork(stack, plan.network)
        : stackNetwork(stack, plan.network, {
            routed: runsOnNode(settings),
            dockerMajor: args.dockerMajor,
          }),
      { parent: this, deleteBeforeReplace: true },
    );
    this.networkName = network.name;
    if (plan.tunnelNetwork) {
      this.tunnelNetworkName = new docker.Network(
        `${name}-tunnels`,
        overlayNetwork(stack, plan.tunnelNetwork),
        { parent: this, deleteBeforeReplace: true },
      ).name;
    }

    this.cloud = { cloudsYaml: `${outputDirectory}/clouds.yaml`, cloud: stack };
    const machines = planStandaloneMachines(settings, stack);
    const bmcs = planBmcs(machines, settings.overcloud.bmc);
    this.nodes = nodeOutputs(machines);
    this.access = new AccessFiles(
      "access",
      {
        settings,
        stack,
        directory: outputDirectory,
        plan,
        machines,
        bmcs,
        credentials: args.credentials,
        ...(certificates && { certificates }),
        epoch: args.epoch,
        ...(args.placed && { placed: args.placed }),
      },
      { parent: this },
    );

    const placed = { ...args, plan, configuration };
    const domainType = domainTypeOf(
      settings.libvirt,
      join(PROJECT_DIRECTORY, ".toolchain/host.json"),
    );
    const topology =
      machinery &&
      new machinery.StandaloneMachines(
        "machines",
        { ...placed, machines, bmcs, domainType, nodeImageHash: machinery.nodeImageHash },
        // Removed before the stack's folder: what is removed later would write its log into a folder that is gone.
        { parent: this, dependsOn: [this.access] },
      ).topology;
    const services = runsOnNode(settings)
      ? placeOnNode({ ...placed, machines, topology, domainType, parent: this })
      : placeInContainers({ ...placed, networkName: this.networkName, parent: this });
    this.mapHosts = services.mapHosts;
    this.unmapHosts = services.mapHosts;

    this.ready = new Step(
      "wait-for-apis",
      {
        directory: `${outputDirectory}/logs`,
        run: {
          action: "standalone/wait",
          args: {
            ...this.cloud,
            endpoints: this.endpoints,
            inspectGates: services.inspectGates,
            ...(services.inspectReporting && { inspectReporting: services.inspectReporting }),
          },
          timeoutSeconds: services.apiTimeoutSeconds,
        },
        rerunOn: pulumi.all([args.epoch, ...services.ids]),
      },
      { parent: this, dependsOn: [...this.access.ofClients, ...services.started] },
    );
    new Step(
      "first-objects",
      {
        directory: `${outputDirectory}/logs`,
        run: {
          action: "standalone/first-objects",
          args: { ...this.cloud, tenantCidr: settings.network.tenantCidr },
          timeoutSeconds: 120,
        },
        // A cloud that moved is a new one.
        ...(runsOnNode(settings) && { rerunOn: [plan.placement] }),
      },
      { parent: this, dependsOn: [this.ready] },
    );
    this.registerOutputs({ networkName: this.networkName });
  }
}
