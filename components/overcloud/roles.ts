import type { OvercloudSettings } from "../../config/overcloud.ts";
import type { NodePlan, TopologyPlan, VlanNetwork } from "../libvirt/plan.ts";

/** A role of the overcloud with its nodes. */
export interface OvercloudRole {
  /** As TripleO has it. */
  name: "Controller" | "Compute";
  /** As nodes, flavors and files have it. */
  key: "controller" | "compute";
  nodes: NodePlan[];
  /** Networks on its first card, as VLANs. */
  networks: VlanNetwork[];
}

/** The networks that a compute has no part in. */
const CONTROLLERS_ONLY: readonly VlanNetwork["name"][] = ["External", "StorageMgmt"];

/** Both roles, also one without nodes: TripleO wants to know it. */
export function rolesOf({ nodes, vlans }: TopologyPlan): [OvercloudRole, OvercloudRole] {
  return [
    {
      name: "Controller",
      key: "controller",
      nodes: nodes.filter(({ role }) => role === "controller"),
      networks: vlans,
    },
    {
      name: "Compute",
      key: "compute",
      nodes: nodes.filter(({ role }) => role === "compute"),
      networks: vlans.filter(({ name }) => !CONTROLLERS_ONLY.includes(name)),
    },
  ];
}

/** TripleO's second name of a network: InternalApi is internal_api. */
export function lowerName(name: VlanNetwork["name"]): string {
  return name.replaceAll(/(?<!^)[A-Z]/g, "_$&").toLowerCase();
}

/** Where the deployment's files are on the undercloud. */
export function pathsOf({ workingDirectory: home, templates, user }: OvercloudSettings) {
  return {
    home,
    user,
    templates,
    stackrc: `${home}/stackrc`,
    instackenv: `${home}/instackenv.json`,
    nicConfigs: `${home}/nic-configs`,
    environments: `${home}/environments`,
    parameters: `${home}/overcloud-parameters.yaml`,
    networkEnvironment: `${home}/network-environment.yaml`,
    nodePlacement: `${home}/node-placement.yaml`,
    roles: `${home}/roles_data.yaml`,
    script: `${home}/deploy_overcloud.sh`,
    log: `${home}/deploy_overcloud.log`,
    containersDefault: `${home}/containers-prepare-parameter.yaml`,
    containersOverride: `${home}/containers-override.yaml`,
    containers: `${home}/containers-default-parameters.yaml`,
    networkData: `${home}/network_data_v2.yaml`,
    vipData: `${home}/vip_data.yaml`,
    baremetalDeployment: `${home}/baremetal_deployment.yaml`,
    networksDeployed: `${home}/overcloud-networks-deployed.yaml`,
    vipsDeployed: `${home}/overcloud-vips-deployed.yaml`,
    nodesDeployed: `${home}/overcloud-baremetal-deployed.yaml`,
  };
}

export type UndercloudPaths = ReturnType<typeof pathsOf>;
