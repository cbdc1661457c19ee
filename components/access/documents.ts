import { stringify } from "yaml";
import type { ComputePlan } from "../compute/plan.ts";
import { nodesInventory, type NodesAccess } from "../libvirt/access.ts";
import type { TopologyPlan } from "../libvirt/plan.ts";
import type { CloudReference } from "../openstack/client.ts";
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
}

export function cloudsYaml({ cloud, authUrl, adminPassword }: Access): string {
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
        // Without them, clients speak the oldest version there is and refuse options that are newer.
        compute_default_microversion: "2.93",
        placement_default_microversion: "1.36",
      },
    },
  });
}

/** For those who source a file instead: the same as clouds.yaml in the client's environment variables. */
export function openrc({ authUrl, adminPassword }: Access): string {
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
    OS_COMPUTE_DEFAULT_MICROVERSION: "2.93",
    OS_PLACEMENT_DEFAULT_MICROVERSION: "1.36",
  };
  const quoted = (value: string) => `'${value.replaceAll("'", `'\\''`)}'`;
  return Object.entries(variables)
    .map(([key, value]) => `export ${key}=${quoted(value)}\n`)
    .join("");
}

/**
 * An ansible inventory of the cloud: its services and computes, reached through docker, or by ssh where services run on
 * a node; and its virtual machines.
 */
export function inventory(
  services: { name: string; containerName: string; address: string }[],
  computes: ComputePlan[],
  cloud: CloudReference,
  access?: MachinesAccess,
): string {
  const node = access && controlNodeOf(access.machines);
  return inventoryOf(cloud, {
    hypervisor: { hosts: { localhost: { ansible_connection: "local" } } },
    control_plane: {
      hosts: Object.fromEntries(
        services.map(({ name, containerName, address }) => [
          name,
          node
            ? { ...onNode(address, access.configFile), address, overcloud_service: name }
            : inContainer(containerName, { address }),
        ]),
      ),
    },
    ...(access && machineGroups(access)),
    computes: { children: { simulated_computes: {} } },
    simulated_computes: { hosts: simulatedHosts(computes, ({ host }) => host) },
  });
}

/** An ansible inventory of a TripleO cloud: its nodes, reached by ssh, and its simulated computes, through docker. */
export function tripleoInventory(
  plan: TopologyPlan,
  access: NodesAccess,
  computes: ComputePlan[],
  cloud: CloudReference,
): string {
  return inventoryOf(cloud, {
    ...nodesInventory(plan, access),
    // By their containers' names: the overcloud has real computes of the same names.
    simulated_computes: { hosts: simulatedHosts(computes, (each) => each.containerName) },
  });
}

/** An inventory of groups, whose variables say how the cloud is reached. */
function inventoryOf(
  { cloudsYaml, cloud }: CloudReference,
  children: Record<string, unknown>,
): string {
  const vars = { os_client_config_file: cloudsYaml, os_cloud: cloud };
  return stringify({ all: { vars, children } });
}

function simulatedHosts(computes: ComputePlan[], nameOf: (compute: ComputePlan) => string) {
  return Object.fromEntries(
    computes.map((compute) => [
      nameOf(compute),
      inContainer(compute.containerName, { address: compute.address, compute_id: compute.id }),
    ]),
  );
}

function inContainer(containerName: string, extra: Record<string, string>) {
  return {
    ansible_connection: "community.docker.docker",
    ansible_host: containerName,
    ansible_python_interpreter: "/usr/bin/python3",
    ...extra,
  };
}
