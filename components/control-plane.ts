import type * as pulumi from "@pulumi/pulumi";
import type { Settings } from "../config/schema.ts";
import type { ComputeConnection } from "./compute/connection.ts";
import type { Credentials } from "./credentials/derive.ts";
import type { CloudReference } from "./openstack/session.ts";
import { selects } from "./overcloud/steps.ts";

/** What every kind of control plane is made from. */
export interface ControlPlaneArgs {
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
  /** Number before the first dot of the docker daemon's version. */
  dockerMajor?: number | undefined;
  /** Docker hosts that computes are on already, by the computes' index. */
  placed?: ReadonlyMap<number, string>;
}

/** What answers the OpenStack APIs, whichever kind it is: what simulated computes and the program need of it. */
export interface ControlPlane extends pulumi.Resource {
  /** The docker network that the computes join. */
  readonly networkName: pulumi.Output<string>;
  /** The docker network of the computes' tunnels, where these have one of their own. */
  readonly tunnelNetworkName?: pulumi.Output<string>;
  /** What a compute must know; secret. */
  readonly computeConnection: pulumi.Output<ComputeConnection>;
  /** How steps reach the cloud. */
  readonly cloud: CloudReference;
  /** Program that has hosts mapped to their cell that the scheduler passes over, with its arguments. */
  readonly mapHosts: string[];
  /** Program that has hosts that were taken out mapped like new ones should they come back, where there is a quick one. */
  readonly unmapHosts?: string[];
  /** Created once the cloud takes computes. */
  readonly ready: pulumi.Resource;
  /** The APIs by name, as this machine reaches them. */
  readonly endpoints: pulumi.Input<Record<string, string>>;
  /** Paths of the files for the user. */
  readonly access: {
    cloudsYaml: string;
    openrc: string;
    inventory: string;
    sshConfig?: string;
    caCertificate?: string;
  };
  /** The control plane's virtual machines by name; absent where there are none. */
  readonly nodes?: Record<string, NodeOutput>;
}

/** What a stack tells of a virtual machine. */
export interface NodeOutput {
  /** The address that ssh goes to; bare metal has none. */
  address?: string;
  /** MACs of the network cards that it has. */
  provisioningMac?: string;
  externalMac?: string;
  /** Name of the libvirt domain. */
  domain: string;
}

/** The ansible inventory in the output folder. */
export const INVENTORY_FILE = "inventory.yml";

/** Names of the files in the output folder that a deployed stack has. */
export const ACCESS_FILES = ["clouds.yaml", "openrc", INVENTORY_FILE] as const;

/** File with the password of a standalone stack's BMCs, where it has some. */
export const BMC_PASSWORD_FILE = "bmc-password";

/** Those of them that a stack has with the steps that its settings choose. */
export function accessFiles(settings: Settings): readonly string[] {
  if (settings.controlPlane === "standalone") {
    return settings.baremetal > 0 ? [...ACCESS_FILES, BMC_PASSWORD_FILE] : ACCESS_FILES;
  }
  return selects(settings, "run_deploy_overcloud", "simulate_compute_node")
    ? ACCESS_FILES
    : [INVENTORY_FILE];
}
