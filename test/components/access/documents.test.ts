import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import fc from "fast-check";
import { parse } from "yaml";
import {
  cloudsYaml,
  inventory,
  openrc,
  stackVariables,
  tripleoInventory,
} from "../../../components/access/documents.ts";
import { firstUsers } from "../../../components/libvirt/access.ts";
import { planTopology } from "../../../components/libvirt/plan.ts";
import { planBmcs } from "../../../components/bmc/plan.ts";
import { planComputes } from "../../../components/compute/plan.ts";
import { planControlPlane, planStandaloneMachines } from "../../../components/standalone/plan.ts";
import { settingsOf } from "../../support/settings.ts";

const microversions = { compute: "2.79", placement: "1.31" };

const nasty = `a'b"c\\d $HOME $(id) \`id\` !x #y ; z & \t|`;

/** Words that would end quoting, start a substitution or change a YAML value's type. */
const password = fc.oneof(
  fc.string({ unit: fc.constantFrom(...`'"\\$\`!#&;:-{}[]*?~ ab1`) }),
  fc.constantFrom("true", "null", "1e5", "0x1f", "- a", "a: b", "@x", "~", "", nasty),
);

describe("clouds.yaml", () => {
  it("logs in as the administrator at the URL for this machine", () => {
    const authUrl = "http://127.0.0.1:5000/v3";
    const access = { cloud: "dev", authUrl, adminPassword: "pw", microversions };
    const { clouds } = parse(cloudsYaml(access)) as { clouds: Record<string, unknown> };
    assert.deepEqual(clouds, {
      dev: {
        auth: {
          auth_url: "http://127.0.0.1:5000/v3",
          username: "admin",
          password: "pw",
          project_name: "admin",
          user_domain_name: "Default",
          project_domain_name: "Default",
        },
        region_name: "RegionOne",
        interface: "public",
        identity_api_version: 3,
        compute_default_microversion: "2.79",
        placement_default_microversion: "1.31",
      },
    });
  });

  it("says what the APIs are verified against, where they speak TLS", () => {
    const access = { cloud: "dev", authUrl: "https://127.0.0.1:5000/v3", adminPassword: "pw" };
    const { clouds } = parse(
      cloudsYaml({ ...access, microversions, authorityFile: "/out/dev/ca.pem" }),
    ) as { clouds: Record<string, { cacert: string }> };
    assert.equal(clouds["dev"]?.cacert, "/out/dev/ca.pem");
  });

  it("holds any name and password as it is, and as text", () => {
    fc.assert(
      fc.property(password, password, (cloud, adminPassword) => {
        const document = parse(
          cloudsYaml({ cloud, authUrl: "u", adminPassword, microversions }),
        ) as { clouds: Record<string, { auth: { password: string } }> };
        assert.deepEqual(Object.keys(document.clouds), [cloud]);
        assert.equal(document.clouds[cloud]?.auth.password, adminPassword);
      }),
    );
  });
});

describe("openrc", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "overcloud-openrc-"));
  after(() => rmSync(folder, { recursive: true }));

  /** The variables that a shell has after it sourced the file. */
  function sourced(text: string): Record<string, string> {
    const file = path.join(folder, "openrc");
    writeFileSync(file, text);
    const script = `set -eu; . "$1"; env -0`;
    const output = execFileSync("sh", ["-c", script, "sh", file], {
      env: { PATH: process.env["PATH"] },
      encoding: "utf8",
    });
    const pairs = output
      .split("\0")
      .filter((pair) => pair.startsWith("OS_"))
      .map((pair): [string, string] => {
        const separator = pair.indexOf("=");
        return [pair.slice(0, separator), pair.slice(separator + 1)];
      });
    return Object.fromEntries(pairs);
  }

  it("gives a shell's children what clouds.yaml says", () => {
    const authUrl = "http://127.0.0.1:5001/v3";
    const authorityFile = "/out of/dev/ca.pem";
    const access = { cloud: "dev", authUrl, adminPassword: nasty, microversions };
    const { clouds } = parse(cloudsYaml(access)) as {
      clouds: { dev: { auth: Record<string, string> } };
    };
    const variables = sourced(openrc({ ...access, authorityFile }));
    assert.equal(variables["OS_CACERT"], authorityFile);
    assert.equal(sourced(openrc(access))["OS_CACERT"], undefined);
    for (const [key, value] of Object.entries(clouds.dev.auth)) {
      assert.equal(variables[`OS_${key.toUpperCase()}`], value, key);
    }
    assert.deepEqual(
      [
        variables["OS_REGION_NAME"],
        variables["OS_IDENTITY_API_VERSION"],
        variables["OS_COMPUTE_DEFAULT_MICROVERSION"],
        variables["OS_PLACEMENT_DEFAULT_MICROVERSION"],
      ],
      ["RegionOne", "3", "2.79", "1.31"],
    );
  });

  it("runs nothing that a value holds", () => {
    fc.assert(
      fc.property(password, (adminPassword) => {
        const variables = sourced(
          openrc({ cloud: "c", authUrl: "u", adminPassword, microversions }),
        );
        assert.equal(variables["OS_PASSWORD"], adminPassword);
      }),
      { numRuns: 60 },
    );
  });
});

/** Groups that every stack has, so that a playbook for one control plane finds nobody on the other instead of failing. */
const GROUPS = [
  ...["hypervisor", "undercloud", "controllers", "control_plane"],
  ...["computes", "simulated_computes", "baremetal"],
];

describe("the inventory", () => {
  interface Group {
    hosts: Record<string, Record<string, string>>;
  }
  const settings = settingsOf({ computes: 2, names: "lab" });
  const { services } = planControlPlane(settings);
  const variables = stackVariables(settings, "dev", "/out");
  const text = inventory(services, planComputes(settings, "dev"), variables);
  const { all } = parse(text) as {
    all: { vars: Record<string, string>; children: Record<string, Group> };
  };
  const hosts = (group: string) => all.children[group]?.hosts ?? {};

  it("has the machine, the services and the computes as groups", () => {
    assert.deepEqual(new Set(Object.keys(all.children)), new Set(GROUPS));
    assert.deepEqual(all.children["computes"], { children: { simulated_computes: {} } });
    for (const none of ["undercloud", "controllers", "baremetal"]) {
      assert.deepEqual(hosts(none), {}, none);
    }
    assert.deepEqual(hosts("hypervisor"), {
      localhost: {
        ansible_connection: "local",
        ansible_python_interpreter: "{{ ansible_playbook_python }}",
      },
    });
    assert.deepEqual(Object.keys(hosts("simulated_computes")), ["compute-0", "compute-1"]);
    assert.deepEqual(
      Object.keys(hosts("control_plane")),
      services.map(({ name }) => name),
    );
  });

  it("reaches each host in its container", () => {
    for (const [name, variables] of Object.entries({
      ...hosts("simulated_computes"),
      ...hosts("control_plane"),
    })) {
      assert.equal(variables["ansible_host"], `lab-${name}`);
      assert.equal(variables["overcloud_container"], `lab-${name}`);
      assert.equal(variables["ansible_connection"], "community.docker.docker");
      // Ansible would look for one, and warn that it did.
      assert.equal(variables["ansible_python_interpreter"], "/usr/bin/python3");
    }
    for (const [name, { overcloud_service }] of Object.entries(hosts("control_plane"))) {
      assert.equal(overcloud_service, name);
    }
    assert.equal(hosts("simulated_computes")["compute-1"]?.["compute_host"], "compute-1");
    assert.equal(hosts("simulated_computes")["compute-1"]?.["address"], "10.79.0.65");
    assert.equal(
      hosts("simulated_computes")["compute-0"]?.["compute_id"],
      "be7dfe21-1082-5454-8f8d-fc7be02fdd56",
    );
  });

  it("reaches a compute on another docker host there", () => {
    const two = settingsOf({
      computes: 2,
      names: "lab",
      hosts: [
        { name: "here" },
        { name: "there", docker: "tcp://there:2376", certificates: "/certs" },
      ],
    });
    const { all } = parse(inventory(services, planComputes(two, "dev"), variables)) as {
      all: { children: Record<string, { hosts: Record<string, Record<string, unknown>> }> };
    };
    const [here, there] = Object.values(all.children["simulated_computes"]?.hosts ?? {});
    assert.equal(here?.["overcloud_docker_host"], "here");
    assert.deepEqual(here["overcloud_docker"], {});
    assert.equal(here["ansible_docker_extra_args"], undefined);
    assert.equal(there?.["overcloud_docker_host"], "there");
    assert.deepEqual(there["overcloud_docker"], {
      DOCKER_HOST: "tcp://there:2376",
      DOCKER_CONTEXT: "",
      DOCKER_TLS_VERIFY: "1",
      DOCKER_CERT_PATH: "/certs",
    });
    assert.match(
      String(there["ansible_docker_extra_args"]),
      /^--host tcp:\/\/there:2376 --tlsverify /,
    );
  });

  it("says where the cloud's credentials are, and holds none", () => {
    assert.deepEqual(all.vars, {
      os_client_config_file: "/out/clouds.yaml",
      os_cloud: "dev",
      overcloud_stack: "dev",
      overcloud_names: "lab",
      overcloud_control_plane: "standalone",
      overcloud_networking: "ovn",
      overcloud_output_directory: "/out",
      overcloud_results_directory: "/out/results",
    });
    assert.doesNotMatch(text, /password/);
  });

  it("is valid without computes", () => {
    const empty = parse(inventory(services, [], variables)) as {
      all: { children: Record<string, Group> };
    };
    assert.deepEqual(empty.all.children["simulated_computes"], { hosts: {} });
  });
});

describe("the inventory of a cloud on a node", () => {
  const settings = settingsOf({
    computes: 1,
    names: "lab",
    baremetal: 2,
    standalone: { placement: "node" },
  });
  const machines = planStandaloneMachines(settings, "dev");
  const text = inventory(
    planControlPlane(settings).services,
    planComputes(settings, "dev"),
    stackVariables(settings, "dev", "/out"),
    {
      machines,
      bmcs: planBmcs(machines, settings.overcloud.bmc),
      configFile: "/out/ssh/config",
      bmcPasswordFile: "/out/bmc-password",
    },
  );
  const { all } = parse(text) as {
    all: { children: Record<string, { hosts?: Record<string, Record<string, unknown>> }> };
  };
  const hosts = (group: string) => all.children[group]?.hosts ?? {};
  const SSH = {
    ansible_host: "192.168.22.11",
    ansible_user: "root",
    ansible_ssh_common_args: "-F /out/ssh/config",
    ansible_python_interpreter: "/usr/bin/python3",
  };

  it("reaches the node and each of its services by ssh, and computes in their containers", () => {
    assert.deepEqual(hosts("controllers"), {
      "controller-0": { ...SSH, domain: "lab-controller-0" },
    });
    assert.deepEqual(hosts("control_plane")["nova-scheduler"], {
      ...SSH,
      address: "192.168.22.11",
      overcloud_service: "nova-scheduler",
    });
    assert.equal(Object.keys(hosts("control_plane")).length, 13);
    assert.equal(hosts("simulated_computes")["compute-0"]?.["ansible_host"], "lab-compute-0");
  });

  it("has what enrolling bare metal takes, but for the password itself", () => {
    assert.deepEqual(Object.keys(hosts("baremetal")), ["baremetal-0", "baremetal-1"]);
    assert.deepEqual(hosts("baremetal")["baremetal-1"], {
      domain: "lab-baremetal-1",
      provisioning_mac: machines.nodes[2]?.provisioning?.mac,
      vcpus: 1,
      memory_mb: 1024,
      disk_gb: 10,
      bmc_address: "192.168.24.254",
      bmc_port: 6231,
      bmc_user: "admin",
      bmc_password_file: "/out/bmc-password",
    });
  });
});

describe("the inventory of a TripleO cloud", () => {
  const settings = settingsOf({ computes: 1, names: "lab" });
  const plan = planTopology(settings.libvirt, "lab", "dev");
  const users = firstUsers("cloud-user");
  const text = tripleoInventory(
    plan,
    { users, keyFile: "/out/ssh/id_ed25519" },
    planComputes(settings, "dev"),
    stackVariables(settings, "dev", "/out"),
  );
  const { all } = parse(text) as { all: { children: Record<string, { hosts?: object }> } };

  it("has real and simulated computes apart, although they have the same names", () => {
    assert.deepEqual(Object.keys(all.children["computes"]?.hosts ?? {}), ["compute-0"]);
    assert.deepEqual(Object.keys(all.children["simulated_computes"]?.hosts ?? {}), [
      "lab-compute-0",
    ]);
    assert.deepEqual(new Set(Object.keys(all.children)), new Set([...GROUPS, "overcloud_nodes"]));
    assert.deepEqual(all.children["control_plane"], { children: { controllers: {} } });
  });
});
