import type { ApiName, Settings } from "../../config/schema.ts";
import type { ComputeConnection } from "../compute/connection.ts";
import { novaIntervals } from "../compute/intervals.ts";
import { simulationOf, SIMULATED_DRIVER } from "../compute/simulation.ts";
import { OVERLAY_MTU } from "../container/network.ts";
import type { Files } from "../container/uploads.ts";
import type { Account, Credentials } from "../credentials/derive.ts";
import { renderIni, type Ini } from "../ini.ts";
import type { ApiCertificates } from "../tls/api-certificates.ts";
import { MESSAGE_BUS_USER, messageBusDefinitions } from "./message-bus.ts";
import type { ControlPlanePlan } from "./plan.ts";
import { neutronSize, novaSize, sizeControlPlane } from "./size.ts";
import {
  apiOf,
  APIS,
  OVN_NORTHBOUND_PORT,
  OVN_SOUTHBOUND_PORT,
  REGION,
  type ServiceName,
} from "./services.ts";
import { clientTls, serverTls, tlsFiles } from "./tls-files.ts";

/**
 * The configuration of a standalone control plane: what the image's own files leave open, which is addresses,
 * credentials and what the settings say. Pure.
 */
export class Configuration {
  readonly #settings: Settings;
  readonly #plan: ControlPlanePlan;
  readonly #credentials: Credentials;
  readonly #certificates: ApiCertificates | undefined;

  /** @param certificates what the APIs speak TLS with; left out where they do not */
  constructor(
    settings: Settings,
    plan: ControlPlanePlan,
    credentials: Credentials,
    certificates?: ApiCertificates,
  ) {
    this.#settings = settings;
    this.#plan = plan;
    this.#credentials = credentials;
    this.#certificates = certificates;
  }

  /** What is uploaded into the container of a service. */
  filesOf(service: ServiceName): Files {
    return { ...this.#ownFiles(service), ...this.#tlsFiles(service) };
  }

  #ownFiles(service: ServiceName): Files {
    switch (service) {
      case "mariadb":
        return { "/etc/overcloud/mariadb/accounts.sql": this.#accountsSql() };
      case "rabbitmq":
        return this.#rabbitmq();
      case "keystone":
        return this.#keystone();
      case "placement":
        return { "/etc/placement/placement.conf.d/50-stack.conf": renderIni(this.#placement()) };
      case "glance":
        return { "/etc/glance/glance.conf.d/50-stack.conf": renderIni(this.#glance()) };
      case "neutron-server":
        return { "/etc/neutron/neutron.conf.d/50-stack.conf": renderIni(this.#neutron()) };
      case "nova-api":
      case "nova-scheduler":
      case "nova-conductor":
        return { "/etc/nova/nova.conf.d/50-stack.conf": renderIni(this.#novaControl()) };
      case "memcached":
      case "ovn-nb-db":
      case "ovn-sb-db":
      case "ovn-northd":
        return {};
    }
  }

  #tlsFiles(service: ServiceName): Files {
    const api = apiOf(service);
    if (api !== undefined) return serverTls(api, this.#certificates);
    const asks = service === "nova-scheduler" || service === "nova-conductor";
    return asks ? clientTls("nova", this.#certificates) : {};
  }

  /** What every simulated compute is given. */
  computeConnection(): ComputeConnection {
    const { compute, networking } = this.#settings;
    const { addresses } = this.#plan;
    return {
      nova: {
        "/etc/nova/nova.conf.d/50-stack.conf": renderIni({
          ...this.#novaCommon(),
          simulation: simulationOf(compute),
        }),
        ...clientTls("nova", this.#certificates),
      },
      agent: {
        "/etc/neutron/neutron.conf.d/50-stack.conf": renderIni(this.#openvswitchAgent()),
      },
      ...(networking === "ovn" && {
        ovnRemote: `tcp:${addresses["ovn-sb-db"]}:${OVN_SOUTHBOUND_PORT}`,
      }),
    };
  }

  #accountsSql(): string {
    const databases: Record<string, string[]> = {
      keystone: ["keystone"],
      placement: ["placement"],
      glance: ["glance"],
      neutron: ["neutron"],
      nova: ["nova", "nova_api", "nova_cell0"],
    };
    // Read at every start of the database; every statement has to be on one line.
    return Object.entries(databases)
      .flatMap(([user, schemas]) => {
        const password = this.#credentials.passwords[`${user}-database` as Account];
        return [
          `CREATE USER IF NOT EXISTS '${user}'@'%' IDENTIFIED BY '${password}';`,
          `ALTER USER '${user}'@'%' IDENTIFIED BY '${password}';`,
          ...schemas.map((schema) => `GRANT ALL ON ${schema}.* TO '${user}'@'%';`),
        ];
      })
      .map((statement) => `${statement}\n`)
      .join("");
  }

  #rabbitmq(): Files {
    const definitions = "/etc/rabbitmq/conf.d/definitions.json";
    return {
      "/etc/rabbitmq/conf.d/50-stack.conf": `load_definitions = ${definitions}\n`,
      [definitions]: messageBusDefinitions(this.#credentials.passwords.rabbitmq),
    };
  }

  #keystone(): Files {
    const { passwords, fernetKeys, credentialKeys } = this.#credentials;
    const { endpoints } = this.#plan;
    const identity = {
      region: REGION,
      users: {
        admin: passwords.admin,
        placement: passwords.placement,
        glance: passwords.glance,
        neutron: passwords.neutron,
        nova: passwords.nova,
      },
      services: Object.entries(APIS).map(([api, { type }]) => ({
        name: api,
        type,
        ...endpoints[api as ApiName],
      })),
    };
    const keys = (directory: string, files: Record<string, string>): Files =>
      Object.fromEntries(
        Object.entries(files).map(([name, key]) => [`/etc/keystone/${directory}/${name}`, key]),
      );
    return {
      "/etc/keystone/keystone.conf.d/50-stack.conf": renderIni({
        database: { connection: this.#database("keystone") },
        cache: this.#cache(),
      }),
      "/etc/keystone/identity/identity.json": JSON.stringify(identity),
      ...keys("fernet-keys", fernetKeys),
      ...keys("credential-keys", credentialKeys),
    };
  }

  #placement(): Ini {
    return {
      placement_database: { connection: this.#database("placement") },
      keystone_authtoken: this.#tokenValidation("placement"),
    };
  }

  #glance(): Ini {
    return {
      database: { connection: this.#database("glance") },
      keystone_authtoken: this.#tokenValidation("glance"),
    };
  }

  #neutron(): Ini {
    const { networking, compute } = this.#settings;
    const { addresses } = this.#plan;
    const common: Ini = {
      DEFAULT: {
        transport_url: this.#messageBus(),
        agent_down_time: compute.downTimeSeconds,
        service_plugins: networking === "ovn" ? "ovn-router" : "",
        ...neutronSize(sizeControlPlane(this.#settings)),
        // What is left for servers is less by the tunnels' headers; neutron works that out.
        ...(this.#plan.tunnelNetwork && { global_physnet_mtu: OVERLAY_MTU }),
        ...(this.#certificates && { use_ssl: true }),
      },
      ...(this.#certificates && {
        ssl: {
          cert_file: tlsFiles("neutron").certificate,
          key_file: tlsFiles("neutron").privateKey,
        },
      }),
      database: { connection: this.#database("neutron") },
      keystone_authtoken: this.#tokenValidation("neutron"),
      nova: { ...this.#identity("neutron"), endpoint_type: "internal" },
      placement: { ...this.#identity("neutron"), endpoint_type: "internal" },
    };
    if (networking === "ovs") {
      return {
        ...common,
        ml2: {
          type_drivers: "vxlan,flat,vlan",
          tenant_network_types: "vxlan",
          mechanism_drivers: "openvswitch,l2population",
          extension_drivers: "port_security",
        },
        ml2_type_vxlan: { vni_ranges: "1:65536" },
      };
    }
    return {
      ...common,
      ml2: {
        type_drivers: "geneve,flat,vlan",
        tenant_network_types: "geneve",
        mechanism_drivers: "ovn",
        extension_drivers: "port_security",
        overlay_ip_version: 4,
      },
      ml2_type_geneve: { vni_ranges: "1:65536", max_header_size: 38 },
      ovn: {
        ovn_nb_connection: `tcp:${addresses["ovn-nb-db"]}:${OVN_NORTHBOUND_PORT}`,
        ovn_sb_connection: `tcp:${addresses["ovn-sb-db"]}:${OVN_SOUTHBOUND_PORT}`,
        ovn_metadata_enabled: false,
        neutron_sync_mode: "log",
        ovsdb_probe_interval: 60000,
        // A simulated guest never announces itself, so a live migration must not wait for its first packet.
        live_migration_activation_strategy: "",
      },
      ovn_nb_global: { ignore_lsp_down: true },
    };
  }

  #openvswitchAgent(): Ini {
    const { compute } = this.#settings;
    return {
      DEFAULT: { transport_url: this.#messageBus() },
      ovs: {
        bridge_mappings: "",
        datapath_type: "netdev",
        ovsdb_connection: "unix:/run/openvswitch/db.sock",
      },
      agent: {
        tunnel_types: "vxlan",
        l2_population: true,
        root_helper: "",
        report_interval: compute.reportIntervalSeconds,
      },
      // Security groups by OpenFlow need connection tracking rules per port; the simulation's default leaves them out.
      securitygroup: { firewall_driver: "noop", enable_security_group: false },
    };
  }

  /** What all nova services share, computes included. */
  #novaCommon(): Ini {
    const { compute } = this.#settings;
    const internal = { valid_interfaces: "internal", region_name: REGION, ...this.#trust("nova") };
    const intervals = novaIntervals(compute);
    return {
      DEFAULT: {
        transport_url: this.#messageBus(),
        compute_driver: SIMULATED_DRIVER,
        ...intervals.DEFAULT,
      },
      compute: intervals.compute,
      glance: internal,
      neutron: { ...this.#identity("nova"), ...internal },
      placement: { ...this.#identity("nova"), ...internal },
      service_user: { ...this.#identity("nova"), send_service_user_token: true },
    };
  }

  #novaControl(): Ini {
    return {
      ...this.#novaCommon(),
      ...novaSize(sizeControlPlane(this.#settings)),
      api_database: { connection: this.#database("nova", "nova_api") },
      database: { connection: this.#database("nova") },
      cache: this.#cache(),
      keystone_authtoken: this.#tokenValidation("nova"),
      // nova-api asks keystone in the name of its users, too.
      ...(this.#certificates && { keystone: this.#trust("nova") }),
    };
  }

  #database(
    user: "keystone" | "placement" | "glance" | "neutron" | "nova",
    schema = user as string,
  ) {
    const password = this.#credentials.passwords[`${user}-database`];
    return `mysql+pymysql://${user}:${password}@${this.#plan.addresses.mariadb}:3306/${schema}?charset=utf8`;
  }

  #messageBus(): string {
    const { passwords } = this.#credentials;
    return `rabbit://${MESSAGE_BUS_USER}:${passwords.rabbitmq}@${this.#plan.addresses.rabbitmq}:5672/`;
  }

  /**
   * A cache that is not there is no reason to fail. By its defaults a service answers nobody for a minute once memcached was
   * away, even when it has long been back: it is tried again at once, and never given up for dead.
   */
  #cache() {
    return {
      enabled: true,
      backend: "dogpile.cache.pymemcache",
      memcache_servers: this.#memcached(),
      enable_retry_client: true,
      // The first finds the connection closed, the second nobody there; the third goes without.
      retry_attempts: 3,
      hashclient_retry_attempts: 1_000_000,
    };
  }

  #memcached(): string {
    return `${this.#plan.addresses.memcached}:11211`;
  }

  /** What has a client of the APIs verify them. */
  #trust(user: "placement" | "glance" | "neutron" | "nova"): { cafile?: string } {
    return this.#certificates ? { cafile: tlsFiles(user).authority } : {};
  }

  #identity(user: "placement" | "glance" | "neutron" | "nova") {
    return {
      auth_type: "password",
      auth_url: this.#plan.endpoints.keystone.internal,
      username: user,
      password: this.#credentials.passwords[user],
      user_domain_name: "Default",
      project_domain_name: "Default",
      project_name: "service",
      region_name: REGION,
      ...this.#trust(user),
    };
  }

  #tokenValidation(user: "placement" | "glance" | "neutron" | "nova") {
    return {
      ...this.#identity(user),
      www_authenticate_uri: this.#plan.endpoints.keystone.public,
      interface: "internal",
      memcached_servers: this.#memcached(),
      service_token_roles: "service",
      service_token_roles_required: true,
    };
  }
}
