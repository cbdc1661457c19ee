import { rangeOf } from "../../config/addresses.ts";
import type { OvercloudSettings } from "../../config/overcloud.ts";
import type { BmcPlan } from "../bmc/plan.ts";
import type { TopologyPlan } from "../libvirt/plan.ts";
import { deployCommand, deployScript, userFiles, type UserFile } from "./deploy-command.ts";
import {
  baremetalDeployment,
  nameserversOf,
  networkData,
  networkEnvironment,
  nicTemplate,
  nodePlacement,
  parameters,
  routerIn,
  undercloudAddress,
  vipData,
  type Document,
} from "./documents.ts";
import { factsOf, productVersions, type ReleaseFacts } from "./release.ts";
import { pathsOf, rolesOf, type UndercloudPaths } from "./roles.ts";
import type { StepName } from "./steps.ts";

/** Name of the playbook's variables in the output folder. */
export const VARIABLES_FILE = "overcloud/vars.json";

/** What the playbook needs to know besides settings and topology. */
export interface PlaybookFiles {
  /** Private key that opens the stack's nodes, on the hypervisor; its public half is beside it, with `.pub`. */
  sshKey: string;
  /** File of mode 0600 with the password of the BMCs and nothing else, on the machine that runs ansible. */
  bmcPassword: string;
}

/** A node as it is registered in Ironic. */
interface NodeVars {
  name: string;
  /** Name of its VM. */
  domain: string;
  flavor: string;
  mac: string;
  vcpus: number;
  memory_mb: number;
  /** What Ironic may use: a little less than the disk, for its own partition. */
  disk_gb: number;
  bmc_port: number;
}

/** The variables of playbooks/overcloud.yml: everything planned, nothing secret. */
export interface OvercloudVars {
  cloud_release: ReleaseFacts & { distribution: OvercloudSettings["distribution"] };
  cloud_paths: UndercloudPaths;
  cloud_ssh: { private_key: string };
  /** The undercloud's place in the provisioning network, and the subnet's DNS servers. */
  cloud_control_plane: { address: string; bridge: string; subnet: string; nameservers: string[] };
  /**
   * The undercloud's legs in the overcloud's networks: it is the router to each for the hypervisor and what runs there,
   * and the way out of the external one.
   */
  cloud_vlans: { cidr: string; address: string; netmask: string; vlan: number; gateway: boolean }[];
  /** The network between hypervisor and undercloud. */
  cloud_hypervisor_network: string;
  cloud_sysctls: Record<string, string | number>;
  cloud_nodes: NodeVars[];
  cloud_bmc: { address: string; user: string; password_file: string };
  cloud_libvirt_uri: string;
  cloud_flavors: { name: string; ram: number; disk: number; vcpus: number }[];
  cloud_roles: string[];
  /** Files that build_heat_config writes, by path. */
  cloud_heat_files: Record<string, Document>;
  cloud_deploy_script: string;
  cloud_user_files: UserFile[];
  cloud_containers: { prepare: string[]; upload: string[]; override: Document | null };
  cloud_network_data: Document;
  cloud_vip_data: Document;
  cloud_baremetal_deployment: Document;
  cloud_stack: { name: string; delete_existing: boolean; timeout_seconds: number };
}

/** Which variables each tag of the playbook uses: a tag runs again when one of its own changes. */
export const VARIABLES_OF: Partial<Record<StepName, readonly (keyof OvercloudVars)[]>> = {
  gen_ssh_key: ["cloud_paths", "cloud_ssh"],
  setup_vlan: [
    ...(["cloud_paths", "cloud_control_plane", "cloud_vlans"] as const),
    "cloud_hypervisor_network",
  ],
  tune_undercloud: ["cloud_sysctls"],
  create_instackenv: [
    ...(["cloud_paths", "cloud_release", "cloud_nodes", "cloud_bmc"] as const),
    "cloud_libvirt_uri",
  ],
  introspect_nodes: ["cloud_paths", "cloud_nodes", "cloud_release", "cloud_bmc"],
  create_flavors: ["cloud_paths", "cloud_nodes", "cloud_flavors"],
  build_heat_config: [
    ...(["cloud_paths", "cloud_roles", "cloud_heat_files"] as const),
    ...(["cloud_deploy_script", "cloud_user_files"] as const),
  ],
  prepare_containers: ["cloud_paths", "cloud_release", "cloud_containers"],
  provision_networks: ["cloud_paths", "cloud_network_data", "cloud_stack"],
  provision_vips: ["cloud_paths", "cloud_vip_data", "cloud_stack"],
  provision_nodes: [
    ...(["cloud_paths", "cloud_nodes", "cloud_baremetal_deployment"] as const),
    ...(["cloud_stack", "cloud_release"] as const),
  ],
  run_deploy_overcloud: [
    ...(["cloud_paths", "cloud_release", "cloud_stack", "cloud_nodes"] as const),
    // What the command reads, so that it runs again when that changes.
    ...(["cloud_heat_files", "cloud_deploy_script", "cloud_user_files", "cloud_roles"] as const),
    ...(["cloud_containers", "cloud_network_data", "cloud_vip_data"] as const),
    "cloud_baremetal_deployment",
  ],
};

/** A router's own needs: the simulated computes reach the overcloud's networks through the undercloud. */
const ROUTER_SYSCTLS = {
  "net.ipv4.ip_forward": 1,
  // Answers may come back on another interface than questions went out.
  "net.ipv4.conf.all.rp_filter": 2,
  "net.ipv4.conf.default.rp_filter": 2,
  // Neighbours: a few hundred simulated computes are more than the kernel keeps.
  "net.ipv4.neigh.default.gc_thresh1": 1024,
  "net.ipv4.neigh.default.gc_thresh2": 4096,
  "net.ipv4.neigh.default.gc_thresh3": 8192,
};

/** Where an overcloud is deployed. */
export interface Place {
  plan: TopologyPlan;
  bmcs: readonly BmcPlan[];
  /** Where libvirt answers on the hypervisor. */
  libvirtUri: string;
  files: PlaybookFiles;
  /** Network of the simulated computes' tunnels. */
  tunnelCidr: string;
}

/** Plans every variable of the playbook. */
export function planVars(
  settings: OvercloudSettings,
  { plan, bmcs, libvirtUri, files, tunnelCidr }: Place,
): OvercloudVars {
  const ports = new Map(bmcs.map(({ node, port }) => [node, port]));
  const facts = factsOf(settings.release);
  const paths = pathsOf(settings);
  const roles = rolesOf(plan);
  return {
    cloud_release: { ...facts, distribution: settings.distribution },
    cloud_paths: paths,
    cloud_ssh: { private_key: files.sshKey },
    cloud_control_plane: {
      address: undercloudAddress(plan),
      bridge: "br-ctlplane",
      subnet: "ctlplane-subnet",
      nameservers: nameserversOf(settings, plan),
    },
    cloud_vlans: plan.vlans.map(({ cidr, vlan, gateway }) => ({
      cidr,
      address: routerIn({ cidr }),
      netmask: netmaskOf(cidr),
      vlan,
      gateway: gateway !== undefined,
    })),
    cloud_hypervisor_network: plan.networks.external.cidr,
    cloud_sysctls: { ...ROUTER_SYSCTLS, ...settings.sysctls },
    cloud_nodes: roles
      .flatMap(({ nodes }) => nodes)
      .map((node) => ({
        name: node.name,
        domain: node.domainName,
        flavor: node.role,
        mac: node.provisioning.mac,
        vcpus: node.vcpus,
        memory_mb: node.memoryMb,
        disk_gb: Math.max(1, node.diskGb - 1),
        bmc_port: ports.get(node.name) ?? 0,
      })),
    cloud_bmc: {
      address: plan.networks.provisioning.hostAddress,
      user: settings.bmc.user,
      password_file: files.bmcPassword,
    },
    cloud_libvirt_uri: libvirtUri,
    cloud_flavors: roles.map(({ key, nodes: [first] }) => ({
      name: key,
      // Less than the node has: what is there besides the server is not known before inspection.
      ram: first?.memoryMb ?? 1024,
      disk: Math.max((first?.diskGb ?? 0) - 3, 6),
      vcpus: Math.max((first?.vcpus ?? 0) - 1, 1),
    })),
    cloud_roles: roles.map(({ name }) => name),
    cloud_heat_files: {
      [paths.parameters]: parameters(settings),
      ...(facts.nodesBy === "nova" && {
        [paths.networkEnvironment]: networkEnvironment(settings, plan),
        [paths.nodePlacement]: nodePlacement(settings, plan),
        ...Object.fromEntries(
          roles.map((role) => [
            `${paths.nicConfigs}/${role.key}.yaml`,
            nicTemplate(settings, plan, role, tunnelCidr),
          ]),
        ),
      }),
    },
    cloud_deploy_script: deployScript(deployCommand(settings, plan), paths.stackrc),
    cloud_user_files: userFiles(settings),
    cloud_containers: planContainers(settings, plan),
    cloud_network_data: networkData(settings, plan, tunnelCidr),
    cloud_vip_data: vipData(settings, plan),
    cloud_baremetal_deployment: baremetalDeployment(settings, plan),
    cloud_stack: {
      name: settings.stack,
      delete_existing: settings.deleteExistingStack,
      // The client has its own limit; it gets the time to report that it was reached.
      timeout_seconds: settings.deployTimeoutMinutes * 60 + 1800,
    },
  };
}

/** The commands that bring container images into the undercloud's registry; the client's own after its name. */
function planContainers(
  settings: OvercloudSettings,
  plan: TopologyPlan,
): OvercloudVars["cloud_containers"] {
  const paths = pathsOf(settings);
  const { registry, namespace, tag } = settings.containers;
  const chosen = { ...imagesOf(settings), ...(tag !== "" && { tag }) };
  const place = [registry, namespace].filter(Boolean).join("/");
  if (factsOf(settings.release).number === 13) {
    const images = `${paths.home}/overcloud_containers.yaml`;
    const environment = (name: string) => `${paths.templates}/environments/${name}.yaml`;
    return {
      prepare: [
        ...["overcloud", "container", "image", "prepare"],
        ...["--namespace", place || chosen.namespace, "--tag", chosen.tag],
        ...["--prefix", chosen.prefix],
        ...["--push-destination", `${undercloudAddress(plan)}:8787`],
        ...["--environment-file", environment("docker")],
        ...["--environment-file", environment("docker-ha")],
        ...["--output-images-file", images],
        ...["--output-env-file", paths.containers],
      ],
      upload: ["overcloud", "container", "image", "upload", "--config-file", images],
      override: null,
    };
  }
  // What is not set here is what the release's own tool knows.
  const set = { ...(place !== "" && { namespace: place }), ...(tag !== "" && { tag }) };
  const override =
    Object.keys(set).length === 0
      ? null
      : { parameter_defaults: { ContainerImagePrepare: [{ push_destination: true, set }] } };
  return {
    prepare: [
      ...["tripleo", "container", "image", "prepare"],
      ...["--environment-file", paths.containersDefault],
      ...(override ? ["--environment-file", paths.containersOverride] : []),
      ...["--output-env-file", paths.containers],
    ],
    upload: [],
    override,
  };
}

/** Where the images of queens are, whose tool does not know by itself. */
function imagesOf({ distribution, release }: OvercloudSettings) {
  return distribution === "rdo"
    ? {
        namespace: `docker.io/tripleo${release}`,
        tag: "current-tripleo",
        prefix: "centos-binary-",
      }
    : {
        namespace: `registry.access.redhat.com/rhosp${productVersions(release)[0]}`,
        tag: "latest",
        prefix: "openstack-",
      };
}

function netmaskOf(cidr: string): string {
  const { first, last } = rangeOf(cidr);
  const mask = 2 ** 32 - (last - first + 1);
  return [24, 16, 8, 0].map((shift) => Math.floor(mask / 2 ** shift) % 256).join(".");
}

/** The variables that one tag uses. */
export function varsOf(step: StepName, vars: OvercloudVars): Partial<OvercloudVars> {
  return Object.fromEntries((VARIABLES_OF[step] ?? []).map((name) => [name, vars[name]]));
}

/** Ansible's mark for text that is no template. */
const UNSAFE = "__ansible_unsafe";

/**
 * The text of the variables' file. Ansible takes braces in text for its own templates; what has some is marked as plain.
 */
export function renderVars(vars: OvercloudVars): string {
  return `${JSON.stringify(vars, plain, 2)}\n`;
}

function plain(key: string, value: unknown): unknown {
  if (key === UNSAFE || typeof value !== "string" || !/\{[{%#]/.test(value)) return value;
  return { [UNSAFE]: value };
}
