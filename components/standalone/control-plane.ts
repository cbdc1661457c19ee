import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import type { Settings } from "../../config/schema.ts";
import { AccessFiles } from "../access/access-files.ts";
import type { Credentials } from "../credentials/derive.ts";
import { uploads } from "../container/uploads.ts";
import { labelList, labelsOf } from "../names.ts";
import type { CloudReference } from "../openstack/client.ts";
import { Step } from "../step/step.ts";
import type { ComputeConnection } from "../compute/connection.ts";
import { Configuration } from "./configuration.ts";
import { planControlPlane, type ControlPlanePlan, type ServicePlan } from "./plan.ts";

export interface StandaloneControlPlaneArgs {
  settings: Settings;
  /** Stack that everything is labelled with. */
  stack: string;
  /** Image that holds all services. */
  imageId: pulumi.Input<string>;
  credentials: pulumi.Output<Credentials>;
  /** Folder for what the stack writes for its user. */
  outputDirectory: string;
  /** Changes when waiting and writing has to be done again; see components/upkeep. */
  epoch: string;
}

/** Seconds until every API has answered; a first start on two busy cores takes about 30. */
const API_TIMEOUT_SECONDS = 300;

/** OpenStack from distribution packages: one container per service, on a network of the stack. */
export class StandaloneControlPlane extends pulumi.ComponentResource {
  readonly plan: ControlPlanePlan;
  /** The docker network that the computes join. */
  readonly networkName: pulumi.Output<string>;
  /** What a compute must know; secret. */
  readonly computeConnection: pulumi.Output<ComputeConnection>;
  readonly access: AccessFiles;
  /** How steps reach the cloud. */
  readonly cloud: CloudReference;
  /** Program that maps hosts to their cell by their services, with its arguments. */
  readonly mapHosts: string[];
  /** Created once every API answers. */
  readonly ready: Step;

  constructor(
    name: string,
    args: StandaloneControlPlaneArgs,
    options?: pulumi.ComponentResourceOptions,
  ) {
    super("overcloud:index:StandaloneControlPlane", name, {}, options);
    const { settings, stack, outputDirectory } = args;
    this.plan = planControlPlane(settings);
    const configuration = args.credentials.apply(
      (credentials) => new Configuration(settings, this.plan, credentials),
    );
    this.computeConnection = pulumi.secret(configuration.apply((c) => c.computeConnection()));

    const network = new docker.Network(
      `${name}-network`,
      {
        name: this.plan.network.name,
        driver: "bridge",
        ipamConfigs: [{ subnet: this.plan.network.cidr, gateway: this.plan.network.gateway }],
        labels: labelList(labelsOf(stack, this.plan.network.labels)),
      },
      { parent: this, deleteBeforeReplace: true },
    );
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
            endpoints: Object.fromEntries(
              Object.entries(this.plan.endpoints).map(([api, urls]) => [api, urls.public]),
            ),
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
    { imageId, stack }: StandaloneControlPlaneArgs,
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
