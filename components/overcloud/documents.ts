import { addressAt, addressNumber, rangeOf } from "../../config/addresses.ts";
import type { OvercloudSettings } from "../../config/overcloud.ts";
import type { TopologyPlan, VlanNetwork } from "../libvirt/plan.ts";
import { factsOf } from "./release.ts";
import { lowerName, pathsOf, rolesOf, type OvercloudRole } from "./roles.ts";

/** What a YAML file of the undercloud holds. */
export type Document = Record<string, unknown> | unknown[];

/** The undercloud's own address: the first of the provisioning network, where nodes find their metadata. */
export function undercloudAddress({ networks }: TopologyPlan): string {
  return addressAt(networks.provisioning.cidr, 1);
}

/** The undercloud's address in one of the overcloud's networks, where it is the router; also their gateway if there is one. */
export function routerIn({ cidr }: Pick<VlanNetwork, "cidr">): string {
  return addressAt(cidr, 1);
}

/**
 * The way back to simulated computes: what their tunnels carry comes by the tenants' network with their own addresses, and
 * goes back as it came. By another network, as the default route would have it, nodes would not even take it.
 */
function routesBack(
  { name, cidr }: VlanNetwork,
  tunnelCidr: string,
): { destination: string; nexthop: string }[] {
  return name === "Tenant" ? [{ destination: tunnelCidr, nexthop: routerIn({ cidr }) }] : [];
}

export function prefixOf(cidr: string): number {
  return Number(cidr.split("/")[1]);
}

/** DNS servers of the cloud: those of the settings, else libvirt's on the external network. */
export function nameserversOf({ nameservers }: OvercloudSettings, plan: TopologyPlan): string[] {
  return nameservers.length > 0 ? [...nameservers] : [plan.networks.external.hostAddress];
}

/** Places in a network's pool that its controllers' fixed addresses begin at, and addresses kept for them at least. */
const FIRST_FIXED = 2;
const KEPT_FOR_FIXED = 10;

/** A controller's address in the external network; the same whatever else is deployed. */
export function controllerAddress(external: VlanNetwork, index: number): string {
  return inPool(external, FIRST_FIXED + index);
}

function inPool({ cidr, pool }: VlanNetwork, place: number): string {
  return addressAt(cidr, addressNumber(pool.start) - rangeOf(cidr).first + place);
}

/** What is given out in a network; controllers' fixed addresses are not, lest a virtual one gets theirs. */
function dynamicPool(network: VlanNetwork, controllers: number): { start: string; end: string } {
  if (network.name !== "External") return network.pool;
  const first = Math.max(KEPT_FOR_FIXED, FIRST_FIXED + controllers);
  return { start: inPool(network, first), end: network.pool.end };
}

/** Networks, NIC templates and DNS of a deployment whose nodes come by Heat. */
export function networkEnvironment(settings: OvercloudSettings, plan: TopologyPlan): Document {
  const paths = pathsOf(settings);
  const roles = rolesOf(plan);
  const metadata = undercloudAddress(plan);
  return {
    resource_registry: Object.fromEntries(
      roles.map(({ name, key }) => [
        `OS::TripleO::${name}::Net::SoftwareConfig`,
        `${paths.nicConfigs}/${key}.yaml`,
      ]),
    ),
    parameter_defaults: {
      ...Object.assign(
        {},
        ...plan.vlans.map((network) => networkParameters(network, roles[0].nodes.length)),
      ),
      DnsServers: nameserversOf(settings, plan),
      // Later releases find these out by themselves, and no longer know the last one.
      ...(settings.release === "queens" && {
        ControlPlaneSubnetCidr: String(prefixOf(plan.networks.provisioning.cidr)),
        ControlPlaneDefaultRoute: metadata,
        EC2MetadataIp: metadata,
        NeutronExternalNetworkBridge: "",
      }),
    },
  };
}

function networkParameters(network: VlanNetwork, controllers: number): Record<string, unknown> {
  const { name, vlan, cidr, gateway } = network;
  return {
    [`${name}NetCidr`]: cidr,
    [`${name}AllocationPools`]: [dynamicPool(network, controllers)],
    [`${name}NetworkVlanID`]: vlan,
    ...(gateway !== undefined && { [`${name}InterfaceDefaultRoute`]: gateway }),
  };
}

/** Parameters of every deployment. */
export function parameters(settings: OvercloudSettings): Document {
  return { parameter_defaults: { CloudDomain: settings.domain } };
}

/** Each server on the node of its name, and the controllers on fixed external addresses. */
export function nodePlacement(settings: OvercloudSettings, plan: TopologyPlan): Document {
  const { templates } = pathsOf(settings);
  const [controllers, computes] = rolesOf(plan);
  const external = plan.vlans.find(({ name }) => name === "External");
  return {
    ...(external && {
      resource_registry: {
        "OS::TripleO::Controller::Ports::ExternalPort": `${templates}/network/ports/external_from_pool.yaml`,
      },
    }),
    parameter_defaults: {
      ...Object.assign(
        {},
        ...[controllers, computes].map(({ name, key }) => ({
          [`${name}HostnameFormat`]: `${key}-%index%`,
          [`${name}SchedulerHints`]: { "capabilities:node": `${key}-%index%` },
        })),
      ),
      ...(external && {
        ControllerIPs: {
          external: controllers.nodes.map(({ index }) => controllerAddress(external, index)),
        },
      }),
    },
  };
}

type Parameter = [name: string, type: "string" | "number" | "json" | "comma_delimited_list"];

const DEFAULTS = { string: "", number: 1500, json: [], comma_delimited_list: [] };

/** What some release hands to a NIC template: one that it does not know is an error there, one too many is none. */
const NODE_PARAMETERS: Parameter[] = [
  ["ControlPlaneIp", "string"],
  ["ControlPlaneSubnetCidr", "string"],
  ["ControlPlaneDefaultRoute", "string"],
  ["ControlPlaneStaticRoutes", "json"],
  ["ControlPlaneMtu", "number"],
  ["EC2MetadataIp", "string"],
  ["DnsServers", "comma_delimited_list"],
  ["DnsSearchDomains", "comma_delimited_list"],
];

/**
 * The NIC template of a role: the control plane and its VLANs on a bridge over the first card, and the second card by
 * dhcp, where ssh goes on reaching the node at the address that it always had.
 */
export function nicTemplate(
  settings: OvercloudSettings,
  plan: TopologyPlan,
  role: OvercloudRole,
  tunnelCidr: string,
): Document {
  const { number } = factsOf(settings.release);
  const parameter = (name: string) => ({ get_param: name });
  const networkParameterNames: Parameter[] = plan.vlans.flatMap(({ name }): Parameter[] => [
    [`${name}IpSubnet`, "string"],
    [`${name}NetworkVlanID`, "number"],
    [`${name}Mtu`, "number"],
    [`${name}InterfaceDefaultRoute`, "string"],
    [`${name}InterfaceRoutes`, "json"],
  ]);
  const vlanIds = new Map(plan.vlans.map(({ name, vlan }) => [`${name}NetworkVlanID`, vlan]));
  // Where the external network has a gateway it is the way out; where it is not, the undercloud.
  const byExternal = role.networks.some(({ gateway }) => gateway !== undefined);
  const defaultRoute = (name: string) => [{ default: true, next_hop: parameter(name) }];
  const metadataRoute = [
    { ip_netmask: "169.254.169.254/32", next_hop: parameter("EC2MetadataIp") },
  ];
  const vlanMember = (network: VlanNetwork) => {
    const { name, gateway } = network;
    const routes = [
      ...(gateway === undefined ? [] : defaultRoute(`${name}InterfaceDefaultRoute`)),
      ...routesBack(network, tunnelCidr).map(({ destination, nexthop }) => ({
        ip_netmask: destination,
        next_hop: nexthop,
      })),
    ];
    return {
      type: "vlan",
      vlan_id: parameter(`${name}NetworkVlanID`),
      addresses: [{ ip_netmask: parameter(`${name}IpSubnet`) }],
      ...(routes.length > 0 && { routes }),
    };
  };
  const ownRoutes = byExternal ? [] : defaultRoute("ControlPlaneDefaultRoute");
  return {
    heat_template_version: number === 13 ? "queens" : "rocky",
    description: `Network cards of the role ${role.name}`,
    parameters: Object.fromEntries(
      [...NODE_PARAMETERS, ...networkParameterNames].map(([name, type]) => [
        name,
        { type, default: vlanIds.get(name) ?? DEFAULTS[type] },
      ]),
    ),
    resources: {
      OsNetConfigImpl: {
        type: "OS::Heat::SoftwareConfig",
        properties: {
          group: "script",
          config: {
            str_replace: {
              template: {
                get_file: `${pathsOf(settings).templates}/network/scripts/run-os-net-config.sh`,
              },
              params: {
                $network_config: {
                  network_config: [
                    {
                      type: "ovs_bridge",
                      // The script puts the bridge's name here.
                      name: "bridge_name",
                      use_dhcp: false,
                      dns_servers: parameter("DnsServers"),
                      domain: parameter("DnsSearchDomains"),
                      addresses: [
                        {
                          ip_netmask: {
                            list_join: [
                              "/",
                              [parameter("ControlPlaneIp"), parameter("ControlPlaneSubnetCidr")],
                            ],
                          },
                        },
                      ],
                      // Stein and later say by a list of static routes where the metadata is.
                      routes:
                        number >= 15
                          ? {
                              list_concat_unique: [
                                parameter("ControlPlaneStaticRoutes"),
                                ...(ownRoutes.length > 0 ? [ownRoutes] : []),
                              ],
                            }
                          : [...metadataRoute, ...ownRoutes],
                      members: [
                        // Its MAC is the bridge's.
                        { type: "interface", name: "nic1", primary: true },
                        ...role.networks.map(vlanMember),
                      ],
                    },
                    { type: "interface", name: "nic2", use_dhcp: true, defroute: false },
                  ],
                },
              },
            },
          },
        },
      },
    },
    outputs: { "OS::stack_id": { value: { get_resource: "OsNetConfigImpl" } } },
  };
}

/** The overcloud's networks as `openstack overcloud network provision` takes them. */
export function networkData(
  { domain }: OvercloudSettings,
  plan: TopologyPlan,
  tunnelCidr: string,
): Document {
  const controllers = rolesOf(plan)[0].nodes.length;
  return plan.vlans.map((network) => {
    const name = lowerName(network.name);
    const { start, end } = dynamicPool(network, controllers);
    const routes = routesBack(network, tunnelCidr);
    return {
      name: network.name,
      name_lower: name,
      vip: hasVip(network),
      mtu: 1500,
      dns_domain: `${name.replaceAll("_", "")}.${domain}.`,
      subnets: {
        [`${name}_subnet`]: {
          ip_subnet: network.cidr,
          allocation_pools: [{ start, end }],
          vlan: network.vlan,
          ...(network.gateway !== undefined && { gateway_ip: network.gateway }),
          ...(routes.length > 0 && { routes }),
        },
      },
    };
  });
}

/** Tunnels have no service to reach. */
function hasVip({ name }: VlanNetwork): boolean {
  return name !== "Tenant";
}

/** The virtual addresses as `openstack overcloud network vip provision` takes them. */
export function vipData({ stack }: OvercloudSettings, plan: TopologyPlan): Document {
  return [
    { network: "ctlplane", dns_name: stack },
    ...plan.vlans.filter(hasVip).map(({ name }) => ({
      network: lowerName(name),
      subnet: `${lowerName(name)}_subnet`,
      dns_name: stack,
    })),
  ];
}

/** The overcloud's servers as `openstack overcloud node provision` takes them: each on the node of its name. */
export function baremetalDeployment(settings: OvercloudSettings, plan: TopologyPlan): Document {
  const external = plan.vlans.find(({ name }) => name === "External");
  const port = ({ name }: VlanNetwork) => ({
    network: lowerName(name),
    subnet: `${lowerName(name)}_subnet`,
  });
  return rolesOf(plan).map((role) => {
    const gateway = role.networks.find((network) => network.gateway !== undefined);
    return {
      name: role.name,
      count: role.nodes.length,
      hostname_format: `${role.key}-%index%`,
      defaults: {
        networks: [{ network: "ctlplane", vif: true }, ...role.networks.map(port)],
        network_config: {
          template: `${pathsOf(settings).nicConfigs}/two_nics_vlans.j2`,
          default_route_network: [gateway ? lowerName(gateway.name) : "ctlplane"],
        },
      },
      instances: role.nodes.map(({ name, index }) => ({
        hostname: name,
        name,
        ...(external &&
          role.key === "controller" && {
            networks: [{ ...port(external), fixed_ip: controllerAddress(external, index) }],
          }),
      })),
    };
  });
}
