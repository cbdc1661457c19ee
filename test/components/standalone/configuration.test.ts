import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { ACCOUNTS, deriveCredentials } from "../../../components/credentials/derive.ts";
import { Configuration } from "../../../components/standalone/configuration.ts";
import { planControlPlane } from "../../../components/standalone/plan.ts";
import { SERVICES, type ServiceName } from "../../../components/standalone/services.ts";
import { PROJECT_DIRECTORY } from "../../../components/project.ts";
import { parseIni } from "../../support/ini.ts";
import { settingsOf } from "../../support/settings.ts";
import { certificatesOf } from "../../support/tls.ts";

const SEED = "0123456789abcdefghijklmnopqrstuvwxyz";
const credentials = deriveCredentials(SEED);
const { passwords } = credentials;

function configure(networking: string, raw: Record<string, unknown> = {}) {
  const settings = settingsOf({ networking, ...raw });
  const plan = planControlPlane(settings);
  const configuration = new Configuration(settings, plan, credentials);
  const files = Object.fromEntries(
    SERVICES.map((name) => [name, configuration.filesOf(name)]),
  ) as Record<ServiceName, Record<string, string>>;
  const { nova, agent, ovnRemote } = configuration.computeConnection();
  const compute = {
    novaConf: nova["/etc/nova/nova.conf.d/50-stack.conf"] ?? assert.fail("no nova.conf"),
    neutronConf:
      agent["/etc/neutron/neutron.conf.d/50-stack.conf"] ?? assert.fail("no neutron.conf"),
    ovnRemote,
  };
  /** Everything that is uploaded anywhere, by who gets it and where. */
  const all = [
    ...Object.entries(files).flatMap(([service, own]) =>
      Object.entries(own).map(([path, content]) => ({ service, path, content })),
    ),
    { service: "compute", path: "nova.conf", content: compute.novaConf },
    { service: "compute", path: "neutron.conf", content: compute.neutronConf },
  ];
  const ini = (service: ServiceName) => {
    const content = Object.entries(files[service]).find(([path]) =>
      /\.conf\.d\/.*\.conf$/.test(path),
    )?.[1];
    return parseIni(content ?? assert.fail(`${service} has no configuration`));
  };
  return { settings, plan, files, compute, all, ini };
}

const NOVA: ServiceName[] = ["nova-api", "nova-scheduler", "nova-conductor"];

/** Which secrets a receiver's files hold. */
function secretsIn(text: string): string[] {
  return ACCOUNTS.filter((account) => text.includes(passwords[account]));
}

for (const networking of ["ovn", "ovs"]) {
  describe(`the configuration of a control plane with ${networking}`, () => {
    const { plan, files, compute, all, ini } = configure(networking);

    it("tells each service the secrets it needs and no others", () => {
      const held = Object.fromEntries(
        [...new Set(all.map(({ service }) => service))].map((service) => [
          service,
          secretsIn(
            all
              .filter((each) => each.service === service)
              .map(({ content }) => content)
              .join(),
          ).sort(),
        ]),
      );
      const nova = ["neutron", "nova", "nova-database", "rabbitmq"].filter((n) => n !== "neutron");
      assert.deepEqual(held, {
        mariadb: [
          "glance-database",
          "keystone-database",
          "neutron-database",
          "nova-database",
          "placement-database",
        ],
        // A hash is all that it has of it.
        rabbitmq: [],
        keystone: ["admin", "glance", "keystone-database", "neutron", "nova", "placement"],
        placement: ["placement", "placement-database"],
        glance: ["glance", "glance-database"],
        "neutron-server": ["neutron", "neutron-database", "rabbitmq"],
        "nova-api": nova,
        "nova-scheduler": nova,
        "nova-conductor": nova,
        compute: ["nova", "rabbitmq"],
      });
    });

    it("has every service that caches do without a cache that is away, and take it again at once", () => {
      const cached = SERVICES.filter((name) =>
        Object.values(files[name]).some((content) => /^\[cache\]$/m.test(content)),
      );
      assert.deepEqual(cached.toSorted(), [...NOVA, "keystone"].sort());
      for (const name of cached) {
        const { cache } = ini(name);
        assert.equal(cache?.["enable_retry_client"], "true", name);
        assert.equal(cache["retry_attempts"], "3", name);
        // A number that is never reached: then it counts as dead, for a minute whatever is set.
        assert.ok(Number(cache["hashclient_retry_attempts"]) >= 1e6, name);
      }
    });

    it("has nothing to hide in memcached and OVN's daemons", () => {
      for (const name of ["memcached", "ovn-nb-db", "ovn-sb-db", "ovn-northd"] as const) {
        assert.deepEqual(files[name], {});
      }
      assert.deepEqual(secretsIn(JSON.stringify(plan)), []);
    });

    it("uses every account there is", () => {
      assert.deepEqual(
        secretsIn(all.map(({ content }) => content).join()).sort(),
        ACCOUNTS.toSorted(),
      );
    });

    it("names no address but those of the plan, and loopback only as what users see", () => {
      const inside = new Set(Object.values(plan.addresses));
      for (const { service, path, content } of all) {
        const expected = content
          .replaceAll(/"public":"http:\/\/127\.0\.0\.1:\d+[^"]*"/g, "")
          .replaceAll(/^www_authenticate_uri = http:\/\/127\.0\.0\.1:\d+\/v3$/gm, "");
        for (const [address] of expected.matchAll(/\d+\.\d+\.\d+\.\d+/g)) {
          assert.ok(inside.has(address), `${service} ${path} has ${address}`);
        }
        assert.doesNotMatch(expected, /undefined|null|NaN|\[object/, `${service} ${path}`);
      }
    });

    it("connects each service to its own database, as a user that the database lets in", () => {
      const sql = files.mariadb["/etc/overcloud/mariadb/accounts.sql"] ?? "";
      const users = new Map(
        [...sql.matchAll(/^CREATE USER IF NOT EXISTS '(\w+)'@'%' IDENTIFIED BY '([^']+)';$/gm)].map(
          ([, user = "", password = ""]) => [user, password],
        ),
      );
      const granted = new Map(
        [...sql.matchAll(/^GRANT ALL ON (\w+)\.\* TO '(\w+)'@'%';$/gm)].map(
          ([, schema = "", user = ""]) => [schema, user],
        ),
      );
      const connections: [ServiceName, string, string][] = [
        ["keystone", "database", "keystone"],
        ["placement", "placement_database", "placement"],
        ["glance", "database", "glance"],
        ["neutron-server", "database", "neutron"],
        ...NOVA.flatMap((name): [ServiceName, string, string][] => [
          [name, "database", "nova"],
          [name, "api_database", "nova_api"],
        ]),
      ];
      for (const [service, section, schema] of connections) {
        const url = new URL(ini(service)[section]?.["connection"] ?? "");
        assert.equal(url.hostname, plan.addresses.mariadb);
        assert.equal(url.pathname, `/${schema}`, service);
        assert.equal(granted.get(schema), url.username);
        assert.equal(users.get(url.username), url.password);
      }
      // nova-manage keeps cell0's name in the database; the user must reach it.
      assert.equal(granted.get("nova_cell0"), "nova");
      // mariadbd's init file takes one statement per line, and a changed seed must change the account.
      for (const line of sql.trim().split("\n")) assert.match(line, /^[^;]+;$/);
      for (const [user, password] of users) {
        assert.ok(sql.includes(`ALTER USER '${user}'@'%' IDENTIFIED BY '${password}';\n`));
      }
    });

    it("connects whoever talks on the message bus as its only user", () => {
      const conf = files.rabbitmq["/etc/rabbitmq/conf.d/50-stack.conf"] ?? "";
      const definitions = files.rabbitmq[/^load_definitions = (.+)$/m.exec(conf)?.[1] ?? ""] ?? "";
      const { users } = JSON.parse(definitions) as { users: { name: string }[] };
      assert.deepEqual(
        users.map(({ name }) => name),
        ["openstack"],
      );
      const talkers = [
        ini("neutron-server"),
        ...NOVA.map(ini),
        parseIni(compute.novaConf),
        parseIni(compute.neutronConf),
      ];
      for (const { DEFAULT } of talkers) {
        const url = new URL(DEFAULT?.["transport_url"] ?? "");
        assert.deepEqual(
          [url.protocol, url.username, url.password, url.host],
          ["rabbit:", users[0]?.name, passwords.rabbitmq, `${plan.addresses.rabbitmq}:5672`],
        );
      }
    });

    it("lets services log in as users that keystone creates, at its inside URL", () => {
      const { users, services, region } = JSON.parse(
        files.keystone["/etc/keystone/identity/identity.json"] ?? "",
      ) as {
        users: Record<string, string>;
        services: { name: string; type: string; public: string; internal: string }[];
        region: string;
      };
      let logins = 0;
      const confs = [
        ini("placement"),
        ini("glance"),
        ini("neutron-server"),
        ...NOVA.map(ini),
        parseIni(compute.novaConf),
      ];
      for (const conf of confs) {
        for (const [section, options] of Object.entries(conf)) {
          if (options["auth_type"] === undefined) continue;
          logins += 1;
          assert.equal(options["password"], users[options["username"] ?? ""], section);
          assert.equal(options["auth_url"], plan.endpoints.keystone.internal);
          assert.equal(options["region_name"], region);
          assert.equal(options["project_name"], "service");
        }
      }
      assert.ok(logins >= 10);
      assert.equal(users["admin"], passwords.admin);
      assert.deepEqual(Object.fromEntries(services.map(({ name, type }) => [name, type])), {
        keystone: "identity",
        placement: "placement",
        glance: "image",
        neutron: "network",
        nova: "compute",
      });
      for (const { name, public: outside, internal } of services) {
        assert.deepEqual(
          { public: outside, internal },
          plan.endpoints[name as keyof typeof plan.endpoints],
        );
      }
    });

    it("gives keystone its keys, file by file", () => {
      const keys = Object.entries(files.keystone).filter(([path]) => path.includes("-keys/"));
      assert.deepEqual(Object.fromEntries(keys), {
        "/etc/keystone/fernet-keys/0": credentials.fernetKeys["0"],
        "/etc/keystone/fernet-keys/1": credentials.fernetKeys["1"],
        "/etc/keystone/credential-keys/0": credentials.credentialKeys["0"],
        "/etc/keystone/credential-keys/1": credentials.credentialKeys["1"],
      });
    });

    it("keeps computes away from the databases", () => {
      const nova = parseIni(compute.novaConf);
      for (const section of ["database", "api_database", "keystone_authtoken"]) {
        assert.equal(nova[section], undefined, section);
        assert.equal(parseIni(compute.neutronConf)[section], undefined, section);
      }
      assert.doesNotMatch(compute.novaConf + compute.neutronConf, /mysql/);
    });

    it("is the same for the three services of nova", () => {
      assert.deepEqual(files["nova-scheduler"], files["nova-api"]);
      assert.deepEqual(files["nova-conductor"], files["nova-api"]);
    });
  });
}

describe("the configuration of APIs that speak TLS", () => {
  for (const placement of ["containers", "node"]) {
    const settings = settingsOf({ tls: true, standalone: { placement } });
    const plan = planControlPlane(settings);
    const certificates = certificatesOf(SEED, settings);
    const configuration = new Configuration(settings, plan, credentials, certificates);
    const files = Object.fromEntries(
      SERVICES.map((name) => [name, configuration.filesOf(name)]),
    ) as Record<ServiceName, Record<string, string>>;
    const compute = configuration.computeConnection().nova;

    it(`gives each its own key, and the authority's to nobody (${placement})`, () => {
      const lines = Object.entries(credentials.tlsKeys).map(([party, pem]) => ({
        party,
        line: pem.split("\n")[1] ?? assert.fail("no key"),
      }));
      const holders = (text: string) =>
        lines.filter(({ line }) => text.includes(line)).map(({ party }) => party);
      const held = SERVICES.map((name) => [name, holders(JSON.stringify(files[name]))] as const);
      assert.deepEqual(
        held.filter(([, parties]) => parties.length > 0),
        [
          ["keystone", ["keystone"]],
          ["placement", ["placement"]],
          ["glance", ["glance"]],
          ["neutron-server", ["neutron"]],
          ["nova-api", ["nova"]],
        ],
      );
      assert.deepEqual(holders(JSON.stringify(compute)), []);
    });

    it(`has every client verify by a file that it is given (${placement})`, () => {
      const readers = { ...files, compute };
      for (const [reader, own] of Object.entries(readers)) {
        for (const [file, content] of Object.entries(own)) {
          if (!file.endsWith("50-stack.conf") || file.includes("rabbitmq")) continue;
          for (const [section, options] of Object.entries(parseIni(content))) {
            const { auth_url: url, cafile } = options;
            if (url === undefined && cafile === undefined) continue;
            if (url !== undefined) assert.match(url, /^https:/);
            assert.equal(own[cafile ?? ""], certificates.authority, `${reader} [${section}]`);
          }
        }
      }
      const {
        glance,
        neutron,
        placement,
        service_user: user,
      } = parseIni(compute["/etc/nova/nova.conf.d/50-stack.conf"] ?? "");
      for (const section of [glance, neutron, placement, user]) assert.ok(section?.["cafile"]);
    });

    it(`has neutron's own server read what it is given (${placement})`, () => {
      const own = files["neutron-server"];
      const { DEFAULT, ssl } = parseIni(own["/etc/neutron/neutron.conf.d/50-stack.conf"] ?? "");
      assert.equal(DEFAULT?.["use_ssl"], "true");
      assert.equal(own[ssl?.["cert_file"] ?? ""], certificates.apis.neutron.certificate);
      assert.equal(own[ssl?.["key_file"] ?? ""], certificates.apis.neutron.privateKey);
    });
  }

  it("is where their start scripts look", () => {
    const root = join(PROJECT_DIRECTORY, "images/openstack/rootfs/usr/lib/overcloud/bin");
    const settings = settingsOf({ tls: true });
    const plan = planControlPlane(settings);
    const made = new Configuration(settings, plan, credentials, certificatesOf(SEED, settings));
    for (const service of ["keystone", "placement", "glance", "nova-api"] as const) {
      const script = readFileSync(join(root, service), "utf8");
      const [, folder = ""] = /\$\(api-socket \d+ (\S+)\)/.exec(script) ?? [];
      for (const name of ["certificate.pem", "key.pem"]) {
        assert.ok(`${folder}/${name}` in made.filesOf(service), `${service} ${name}`);
      }
    }
  });

  it("is not there without", () => {
    const { all } = configure("ovn");
    for (const { path, content } of all) {
      assert.doesNotMatch(path, /\.pem$/);
      assert.doesNotMatch(content, /cafile|use_ssl|https:/);
    }
  });
});

describe("what the settings say", () => {
  const raw = {
    compute: {
      vcpus: 5,
      memoryMb: 6000,
      diskGb: 70,
      bootDelaySeconds: 8,
      reportIntervalSeconds: 9,
      downTimeSeconds: 100,
    },
  };

  it("reaches the computes and the services that judge them", () => {
    const { compute, ini } = configure("ovs", raw);
    const nova = parseIni(compute.novaConf);
    assert.deepEqual(nova["simulation"], {
      vcpus: "5",
      memory_mb: "6000",
      disk_gb: "70",
      boot_delay: "8",
    });
    for (const conf of [nova, ...NOVA.map(ini)]) {
      assert.equal(conf["DEFAULT"]?.["report_interval"], "9");
      assert.equal(conf["DEFAULT"]["service_down_time"], "100");
      assert.equal(conf["DEFAULT"]["update_resources_interval"], "60");
    }
    assert.equal(parseIni(compute.neutronConf)["agent"]?.["report_interval"], "9");
    assert.equal(ini("neutron-server")["DEFAULT"]?.["agent_down_time"], "100");
  });

  it("of a simulated compute is no business of the control plane", () => {
    for (const name of NOVA) assert.equal(configure("ovn", raw).ini(name)["simulation"], undefined);
  });

  it("decides which networking neutron and the computes have", () => {
    const ovn = configure("ovn");
    const ovs = configure("ovs");
    assert.equal(ovn.ini("neutron-server")["ml2"]?.["mechanism_drivers"], "ovn");
    assert.deepEqual(
      [
        ovn.ini("neutron-server")["ovn"]?.["ovn_nb_connection"],
        ovn.ini("neutron-server")["ovn"]?.["ovn_sb_connection"],
        ovn.compute.ovnRemote,
      ],
      [
        `tcp:${ovn.plan.addresses["ovn-nb-db"]}:6641`,
        `tcp:${ovn.plan.addresses["ovn-sb-db"]}:6642`,
        `tcp:${ovn.plan.addresses["ovn-sb-db"]}:6642`,
      ],
    );
    assert.match(ovs.ini("neutron-server")["ml2"]?.["mechanism_drivers"] ?? "", /openvswitch/);
    assert.equal(ovs.ini("neutron-server")["ovn"], undefined);
    assert.equal(ovs.compute.ovnRemote, undefined);
    // Both ends of a tunnel speak the same protocol.
    assert.equal(
      parseIni(ovs.compute.neutronConf)["agent"]?.["tunnel_types"],
      ovs.ini("neutron-server")["ml2"]?.["tenant_network_types"],
    );
  });

  it("moves with the network: no address is left behind", () => {
    const { all } = configure("ovn", {
      network: { cidr: "192.168.128.0/20", tunnelCidr: "192.168.144.0/20" },
    });
    for (const { path, content } of all) assert.doesNotMatch(content, /\b10\./, path);
  });
});
