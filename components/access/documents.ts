import { stringify } from "yaml";
import type { DockerHost } from "../../config/hosts.ts";
import type { Settings } from "../../config/schema.ts";
import type { ComputePlan } from "../compute/plan.ts";
import { engineEnvironment, engineOptions } from "../docker-hosts/engine.ts";
import {
  HYPERVISOR,
  nodesInventory,
  type InventoryGroup,
  type NodesAccess,
} from "../libvirt/access.ts";
import type { TopologyPlan } from "../libvirt/plan.ts";
import type { ServicePlan } from "../standalone/plan.ts";
import { controlNodeOf } from "../standalone/control-node.ts";
import { REGION } from "../standalone/services.ts";
import { machineGroups, onNode, type MachinesAccess } from "./machines.ts";

/** What a user of the cloud needs to know. */
export interface Access {
  /** Name of the cloud in clouds.yaml. */
  cloud: string;
  /** keystone's URL as seen from the host. */
  authUrl: string;
  adminPassword: string;
  /**
   * The versions that clients speak where they are not told another. Without them that is the oldest there is, which
   * refuses options that are newer; with one that the cloud does not know yet, it refuses everything.
   */
  microversions: Microversions;
  /** File with the certificate that the APIs are verified against; left out where they do not speak TLS. */
  authorityFile?: string;
}

/** Versions of the two APIs that clients have to be told a default for. */
export interface Microversions {
  compute: string;
  placement: string;
}

export function cloudsYaml({
  cloud,
  authUrl,
  adminPassword,
  microversions,
  authorityFile,
}: Access): string {
  return stringify({
    clouds: {
      [cloud]: {
        auth: {
          auth_url: authUrl,
          username: "admin",
          password: adminPassword,
          project_name: "admin",
          user_domain_name: "Default",
          project_domain_name: "Default",
        },
        region_name: REGION,
        interface: "public",
        identity_api_version: 3,
        compute_default_microversion: microversions.compute,
        placement_default_microversion: microversions.placement,
        ...(authorityFile !== undefined && { cacert: authorityFile }),
      },
    },
  });
}

/** For those who source a file instead: the same as clouds.yaml in the client's environment variables. */
export function openrc({ authUrl, adminPassword, microversions, authorityFile }: Access): string {
  const variables = {
    OS_AUTH_URL: authUrl,
    OS_USERNAME: "admin",
    OS_PASSWORD: adminPassword,
    OS_PROJECT_NAME: "admin",
    OS_USER_DOMAIN_NAME: "Default",
    OS_PROJECT_DOMAIN_NAME: "Default",
    OS_REGION_NAME: REGION,
    OS_INTERFACE: "public",
    OS_IDENTITY_API_VERSION: "3",
    OS_COMPUTE_DEFAULT_MICROVERSION: microversions.compute,
    OS_PLACEMENT_DEFAULT_MICROVERSION: microversions.placement,
    ...(authorityFile !== undefined && { OS_CACERT: authorityFile }),
  };
  const quoted = (value: string) => `'${value.replaceAll("'", `'\\''`)}'`;
  return Object.entries(variables)
    .map(([key, value]) => `export ${key}=${quoted(value)}\n`)
    .join("");
}

/** Variables that all hosts of an inventory have: which stack it is, and where its files are. */
export interface StackVariables {
  /** The clouds file, and the name of the cloud in it. */
  os_client_config_file: string;
  os_cloud: string;
  overcloud_stack: string;
  /** Prefix of the names of containers, volumes and networks. */
  overcloud_names: string;
  overcloud_control_plane: Settings["controlPlane"];
  overcloud_networking: Settings["networking"];
  overcloud_output_directory: string;
  /** Where playbooks leave what they measured. */
  overcloud_results_directory: string;
}

export function stackVariables(
  { names, controlPlane, networking }: Settings,
  stack: string,
  outputDirectory: string,
): StackVariables {
  return {
    os_client_config_file: `${outputDirectory}/clouds.yaml`,
    os_cloud: stack,
    overcloud_stack: stack,
    overcloud_names: names,
    overcloud_control_plane: controlPlane,
    overcloud_networking: networking,
    overcloud_output_directory: outputDirectory,
    overcloud_results_directory: `${outputDirectory}/results`,
  };
}

/**
 * An ansible inventory of the cloud: its services and computes, reached through docker, or by ssh where services run on
 * a node; and its virtual machines.
 */
export function inventory(
  services: Pick<ServicePlan, "name" | "containerName" | "address">[],
  computes: ComputePlan[],
  variables: StackVariables,
  access?: MachinesAccess,
): string {
  const node = access && controlNodeOf(access.machines);
  return inventoryOf(variables, {
    hypervisor: HYPERVISOR,
    undercloud: { hosts: {} },
    controllers: { hosts: {} },
    baremetal: { hosts: {} },
    ...(access && machineGroups(access)),
    control_plane: {
      hosts: Object.fromEntries(
        services.map(({ name, containerName, address }) => [
          name,
          node
            ? { ...onNode(address, access.configFile), overcloud_service: name, address }
            : inContainer(containerName, { overcloud_service: name, address }),
        ]),
      ),
    },
    computes: { children: { simulated_computes: {} } },
    simulated_computes: { hosts: simulatedHosts(computes, ({ host }) => host) },
  });
}

/** An ansible inventory of a TripleO cloud: its nodes, reached by ssh, and its simulated computes, through docker. */
export function tripleoInventory(
  plan: TopologyPlan,
  access: NodesAccess,
  computes: ComputePlan[],
  variables: StackVariables,
): string {
  return inventoryOf(variables, {
    ...nodesInventory(plan, access),
    control_plane: { children: { controllers: {} } },
    // By their containers' names: the overcloud has real computes of the same names.
    simulated_computes: { hosts: simulatedHosts(computes, (each) => each.containerName) },
    baremetal: { hosts: {} },
  });
}

function inventoryOf(vars: StackVariables, children: Record<string, InventoryGroup>): string {
  return stringify({ all: { vars, children } });
}

function simulatedHosts(computes: ComputePlan[], nameOf: (compute: ComputePlan) => string) {
  return Object.fromEntries(
    computes.map((compute) => [
      nameOf(compute),
      inContainer(compute.containerName, {
        compute_host: compute.host,
        compute_id: compute.id,
        address: compute.address,
        ...(compute.dockerHost && onDockerHost(compute.dockerHost)),
      }),
    ]),
  );
}

/** How ansible, and docker's own programs, reach the containers of a docker host; nothing needs saying of this machine. */
function onDockerHost(host: DockerHost): Record<string, string | Record<string, string>> {
  const options = engineOptions(host);
  return {
    overcloud_docker_host: host.name,
    overcloud_docker: engineEnvironment(host),
    ...(options.length > 0 && { ansible_docker_extra_args: options.join(" ") }),
  };
}

function inContainer(
  containerName: string,
  extra: Record<string, string | Record<string, string>>,
) {
  return {
    ansible_connection: "community.docker.docker",
    ansible_host: containerName,
    ansible_python_interpreter: "/usr/bin/python3",
    overcloud_container: containerName,
    ...extra,
  };
}
