import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { AccessFiles } from "../access/access-files.ts";
import { stackNetwork } from "../container/network.ts";
import { uploads } from "../container/uploads.ts";
import type { ControlPlane, ControlPlaneArgs } from "../control-plane.ts";
import { labelList, labelsOf } from "../names.ts";
import type { CloudReference } from "../openstack/client.ts";
import { Step } from "../step/step.ts";
import type { ComputeConnection } from "../compute/connection.ts";
import { Configuration } from "./configuration.ts";
import { planControlPlane, type ControlPlanePlan, type ServicePlan } from "./plan.ts";

/** Seconds until every API has answered; a first start on two busy cores takes about 30. */
const API_TIMEOUT_SECONDS = 300;

/** OpenStack from distribution packages: one container per service, on a network of the stack. */
export class StandaloneControlPlane extends pulumi.ComponentResource implements ControlPlane {
  readonly plan: ControlPlanePlan;
  readonly networkName: pulumi.Output<string>;
  readonly computeConnection: pulumi.Output<ComputeConnection>;
  readonly access: AccessFiles;
  readonly cloud: CloudReference;
  readonly mapHosts: string[];
  readonly ready: Step;
  readonly endpoints: Record<string, string>;

  constructor(name: string, args: ControlPlaneArgs, options?: pulumi.ComponentResourceOptions) {
    super("overcloud:index:StandaloneControlPlane", name, {}, options);
    const { settings, stack, outputDirectory } = args;
    this.plan = planControlPlane(settings);
    this.endpoints = Object.fromEntries(
      Object.entries(this.plan.endpoints).map(([api, urls]) => [api, urls.public]),
    );
    const configuration = args.credentials.apply(
      (credentials) => new Configuration(settings, this.plan, credentials),
    );
    this.computeConnection = pulumi.secret(configuration.apply((c) => c.computeConnection()));

    const network = new docker.Network(`${name}-network`, stackNetwork(stack, this.plan.network), {
      parent: this,
      deleteBeforeReplace: true,
    });
    this.networkName = network.name;

    const containers = new Map<string, docker.Container>();
    for (const service of this.plan.services) {
      const dependsOn = service.after.flatMap((other) => containers.get(other) ?? []);
      const container = this.#container(service, args, configuration, dependsOn);
      containers.set(service.name, container);
    }

    this.mapHosts = [
      ...["docker", "exec", `${settings.names}-nova-conductor`],
      ...["nova-manage", "cell_v2", "discover_hosts", "--by-service"],
    ];
    this.cloud = { cloudsYaml: `${outputDirectory}/clouds.yaml`, cloud: stack };
    this.access = new AccessFiles(
      "access",
      {
        settings,
        stack,
        directory: outputDirectory,
        plan: this.plan,
        credentials: args.credentials,
        epoch: args.epoch,
      },
      { parent: this },
    );

    const steps = { parent: this, dependsOn: [this.access, ...containers.values()] };
    this.ready = new Step(
      "wait-for-apis",
      {
        directory: `${outputDirectory}/logs`,
        run: {
          action: "standalone/wait",
          args: {
            ...this.cloud,
            endpoints: this.endpoints,
            inspectGates: [
              ...["docker", "inspect", "--format"],
              "{{slice .Name 1}} {{.State.Health.Status}} {{.State.StartedAt}}",
              ...this.plan.services
                .filter(({ gates }) => gates)
                .map(({ containerName }) => containerName),
            ],
          },
          timeoutSeconds: API_TIMEOUT_SECONDS,
        },
        rerunOn: pulumi.all([
          args.epoch,
          ...[...containers.values()].map((container) => container.id),
        ]),
      },
      steps,
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
      },
      { parent: this, dependsOn: [this.ready] },
    );
    this.registerOutputs({ networkName: this.networkName });
  }

  #container(
    service: ServicePlan,
    { imageId, stack }: ControlPlaneArgs,
    configuration: pulumi.Output<Configuration>,
    dependsOn: pulumi.Resource[],
  ): docker.Container {
    const labels = labelList(labelsOf(stack, { role: "control-plane", service: service.name }));
    const { volume, healthcheck } = service;
    const data =
      volume &&
      new docker.Volume(
        `${service.name}-data`,
        { name: volume.name, labels },
        { parent: this, deleteBeforeReplace: true },
      );
    return new docker.Container(
      service.name,
      {
        name: service.containerName,
        hostname: service.name,
        image: imageId,
        command: [`/usr/lib/overcloud/bin/${service.name}`],
        envs: Object.entries(service.environment).map(([key, value]) => `${key}=${value}`),
        networksAdvanced: [{ name: this.networkName, ipv4Address: service.address }],
        ports: service.ports.map(({ internal, external }) => ({
          internal,
          external,
          ip: "127.0.0.1",
        })),
        ...(volume && data && { volumes: [{ volumeName: data.name, containerPath: volume.path }] }),
        uploads: uploads(configuration.apply((c) => c.filesOf(service.name))),
        healthcheck: {
          tests: healthcheck.test,
          interval: `${healthcheck.intervalSeconds}s`,
          timeout: "15s",
          retries: 3,
          startPeriod: "1m0s",
        },
        ...(service.gates && { wait: true, waitTimeout: 120 }),
        restart: "unless-stopped",
        // Computes are many: without it, all of them together would starve the services.
        cpuShares: 4096,
        destroyGraceSeconds: service.graceSeconds,
        logDriver: "json-file",
        logOpts: { "max-size": "10m", "max-file": "3" },
        labels,
        mustRun: true,
      },
      {
        parent: this,
        dependsOn,
        deleteBeforeReplace: true,
        replaceOnChanges: ["healthcheck"],
      },
    );
  }
}
