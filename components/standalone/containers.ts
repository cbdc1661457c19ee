import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { BECOME_USER, NO_NEW_PRIVILEGES, onlyCapabilities } from "../container/confinement.ts";
import { asSet } from "../container/sets.ts";
import { uploads } from "../container/uploads.ts";
import { labelList, labelsOf } from "../names.ts";
import { MAP_HOSTS, type Placed, type PlacedArgs } from "./placed.ts";
import type { ServicePlan } from "./plan.ts";
import { REPORTING, type ServiceName } from "./services.ts";

export interface ContainersArgs extends PlacedArgs {
  networkName: pulumi.Output<string>;
  parent: pulumi.Resource;
}

/** A first start on two busy cores takes about 30 s. */
const API_TIMEOUT_SECONDS = 300;

/** Services without a user of their own: they are root without any of its rights. */
const ROOTS: readonly ServiceName[] = ["ovn-nb-db", "ovn-sb-db", "ovn-northd"];

/**
 * Services whose container's root can't be written to. Others are given files before they start, which docker refuses
 * with such a root, and hand them over to their own users.
 */
const READ_ONLY: readonly ServiceName[] = [...ROOTS, "memcached"];

/** What they write all the same: sockets; and, for who looks into them with ansible, a home and a place for its modules. */
const WRITABLE = { "/run/ovn": "", "/root": "", "/tmp": "" };

/** The placement `containers`: one container per service. */
export function placeInContainers(args: ContainersArgs): Placed {
  const { plan, settings } = args;
  const volumes = makeVolumes(args);
  const containers = new Map<string, docker.Container>();
  for (const service of plan.services) {
    const dependsOn = service.after.flatMap((other) => containers.get(other) ?? []);
    containers.set(service.name, container(service, args, volumes.get(service.name), dependsOn));
  }
  const gates = plan.services.filter(({ gates }) => gates);
  return {
    ids: [...containers.values()].map(({ id }) => id),
    started: [...containers.values()],
    inspectGates: [
      ...["docker", "inspect", "--format"],
      "{{slice .Name 1}} {{.State.Health.Status}} {{.State.StartedAt}}",
      ...gates.map(({ containerName }) => containerName),
    ],
    inspectReporting: [
      ...["docker", "inspect", "--format", "{{.Config.Hostname}} {{.State.StartedAt}}"],
      ...REPORTING.map((name) => `${settings.names}-${name}`),
    ],
    mapHosts: ["docker", "exec", `${settings.names}-mariadb`, ...MAP_HOSTS],
    apiTimeoutSeconds: API_TIMEOUT_SECONDS,
  };
}

/** Labels of what a service has. */
const ownLabels = (stack: string, service: ServiceName) =>
  labelList(labelsOf(stack, { role: "control-plane", service }));

/**
 * The services' data, by service. The database depends on the others' so that it is the first to go: where a destroy was cut
 * short, nothing is left that knows of networks or images which are gone.
 */
function makeVolumes({ plan, stack, parent }: ContainersArgs): Map<ServiceName, docker.Volume> {
  const made = new Map<ServiceName, docker.Volume>();
  const databaseLast = plan.services.toSorted(
    (one, other) => Number(one.name === "mariadb") - Number(other.name === "mariadb"),
  );
  for (const { name, volume } of databaseLast) {
    if (volume === undefined) continue;
    const data = new docker.Volume(
      `${name}-data`,
      { name: volume.name, labels: ownLabels(stack, name) },
      {
        // One that an operator made before, on a disk of its own, is kept: in its place an empty one would be made.
        ...{ parent, deleteBeforeReplace: true, ignoreChanges: ["driverOpts"] },
        ...(name === "mariadb" && { dependsOn: [...made.values()] }),
      },
    );
    made.set(name, data);
  }
  return made;
}

function container(
  service: ServicePlan,
  { imageId, stack, configuration, networkName, parent }: ContainersArgs,
  data: docker.Volume | undefined,
  dependsOn: pulumi.Resource[],
): docker.Container {
  const labels = ownLabels(stack, service.name);
  const { volume, healthcheck } = service;
  return new docker.Container(
    service.name,
    {
      name: service.containerName,
      hostname: service.name,
      image: imageId,
      command: [`/usr/lib/overcloud/bin/${service.name}`],
      envs: asSet(Object.entries(service.environment).map(([key, value]) => `${key}=${value}`)),
      networksAdvanced: [{ name: networkName, ipv4Address: service.address }],
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
        timeout: `${healthcheck.timeoutSeconds}s`,
        retries: 3,
        startPeriod: "1m0s",
      },
      ...(service.gates && { wait: true, waitTimeout: 120 }),
      capabilities: onlyCapabilities(...(ROOTS.includes(service.name) ? [] : BECOME_USER)),
      securityOpts: NO_NEW_PRIVILEGES,
      ...(READ_ONLY.includes(service.name) && { readOnly: true, tmpfs: WRITABLE }),
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
      parent,
      dependsOn,
      deleteBeforeReplace: true,
      replaceOnChanges: ["healthcheck"],
    },
  );
}
