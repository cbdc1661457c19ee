import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  deployCommand,
  deployScript,
  userFiles,
} from "../../../components/overcloud/deploy-command.ts";
import {
  baremetalDeployment,
  networkData,
  networkEnvironment,
  nicTemplate,
  nodePlacement,
  vipData,
} from "../../../components/overcloud/documents.ts";
import { RELEASES, type Release } from "../../../components/overcloud/release.ts";
import { planBmcs } from "../../../components/bmc/plan.ts";
import { lowerName, rolesOf } from "../../../components/overcloud/roles.ts";
import { stepsOf } from "../../../components/overcloud/steps.ts";
import { planVars, renderVars, VARIABLES_OF, varsOf } from "../../../components/overcloud/vars.ts";
import { overcloudSchema } from "../../../config/overcloud.ts";
import { planOf } from "../../support/tripleo/hosts.ts";

const TUNNELS = "10.79.16.0/20";
const files = { sshKey: "/out/ssh/id_ed25519", bmcPassword: "/out/bmc-password" };
const settingsOf = (raw: Record<string, unknown> = {}) => overcloudSchema.parse(raw);
const small = planOf({ controllers: 1, computes: 1 });
const large = planOf({ controllers: 3, computes: 4 });
const varsFor = (raw: Record<string, unknown> = {}, plan = small) =>
  planVars(settingsOf(raw), {
    plan,
    bmcs: planBmcs(plan, settingsOf(raw).bmc),
    libvirtUri: "qemu:///system",
    files,
    tunnelCidr: TUNNELS,
  });
const after = (argv: readonly string[], flag: string) =>
  argv.flatMap((word, index) => (argv[index - 1] === flag ? [word] : []));

/** A document as far as a test looks into it. */
interface Environment {
  resource_registry: Record<string, string>;
  parameter_defaults: Record<string, unknown>;
}

describe("the deploy command", () => {
  it("scales the roles by flags with nova, and takes provisioned nodes without", () => {
    const nova = deployCommand(settingsOf({ release: "train" }), large);
    assert.deepEqual(after(nova, "--control-scale"), ["3"]);
    assert.deepEqual(after(nova, "--compute-scale"), ["4"]);
    assert.deepEqual(after(nova, "--compute-flavor"), ["compute"]);
    assert.ok(!nova.includes("--deployed-server"));
    const metalsmith = deployCommand(settingsOf({ release: "wallaby" }), large);
    assert.ok(metalsmith.includes("--deployed-server"));
    assert.ok(!metalsmith.join(" ").includes("-scale"));
    assert.ok(
      after(metalsmith, "--environment-file").some((f) => f.endsWith("baremetal-deployed.yaml")),
    );
    assert.ok(!metalsmith.join(" ").includes("network-isolation"));
  });

  it("passes the generated roles, which the reference forgot", () => {
    for (const release of RELEASES) {
      const command = deployCommand(settingsOf({ release }), small);
      assert.deepEqual(after(command, "--roles-file"), ["/home/stack/roles_data.yaml"]);
    }
  });

  it("follows the release's container engine and the settings", () => {
    const environments = (raw: Record<string, unknown>) =>
      after(deployCommand(settingsOf(raw), small), "--environment-file").map((f) =>
        path.basename(f, ".yaml"),
      );
    assert.ok(environments({ release: "rocky" }).includes("docker"));
    assert.ok(environments({ release: "stein" }).includes("podman"));
    assert.ok(!environments({ release: "stein" }).includes("docker"));
    const lean = environments({ lowMemory: false, debug: false, telemetry: true });
    for (const each of ["low-memory-usage", "config-debug", "disable-telemetry"]) {
      assert.ok(!lean.includes(each));
      assert.ok(environments({}).includes(each));
    }
  });

  it("ends with what the user adds, in the user's order", () => {
    const settings = settingsOf({
      environmentFiles: ["a/extra.yaml", "/b/extra.yaml"],
      deployArgs: ["--tags", "x y"],
    });
    const command = deployCommand(settings, small);
    assert.deepEqual(command.slice(-6), [
      ...["--environment-file", "/home/stack/environments/00-extra.yaml"],
      ...["--environment-file", "/home/stack/environments/01-extra.yaml"],
      ...["--tags", "x y"],
    ]);
    assert.equal(new Set(userFiles(settings).map(({ target }) => target)).size, 2);
  });

  it("survives the shell as it is", () => {
    const script = deployScript(["openstack", "--x", "it's $HOME; `x`"], "/home/stack/stackrc");
    assert.match(script, /^#!\/bin\/bash\n/);
    assert.match(script, /\nset -eu\n\. \/home\/stack\/stackrc\n/);
    assert.ok(script.includes(`exec openstack --x 'it'\\''s $HOME; \`x\`' "$@"\n`));
  });
});

describe("the documents of a release with nova", () => {
  it("place each server on the node of its name, however many there are", () => {
    for (const plan of [small, large]) {
      const { parameter_defaults: parameters } = nodePlacement(
        settingsOf(),
        plan,
      ) as never as Environment;
      assert.deepEqual(parameters["ControllerSchedulerHints"], {
        "capabilities:node": "controller-%index%",
      });
      const { external } = parameters["ControllerIPs"] as { external: string[] };
      assert.equal(external.length, rolesOf(plan)[0].nodes.length);
      assert.equal(external[0], "10.0.10.12");
    }
  });

  it("give no fixed address of a controller to anything else", () => {
    const { parameter_defaults: parameters } = networkEnvironment(
      settingsOf(),
      large,
    ) as never as Environment;
    assert.deepEqual(parameters["ExternalAllocationPools"], [
      { start: "10.0.10.20", end: "10.0.10.200" },
    ]);
    assert.deepEqual(parameters["TenantAllocationPools"], [
      { start: "10.0.50.10", end: "10.0.50.200" },
    ]);
  });

  it("name the networks with VLANs and gateway; what later releases do not know, to queens only", () => {
    const parameters = (release: Release) =>
      (networkEnvironment(settingsOf({ release }), small) as never as Environment)
        .parameter_defaults;
    assert.equal(parameters("train")["ExternalInterfaceDefaultRoute"], "10.0.10.1");
    assert.equal(parameters("train")["InternalApiNetworkVlanID"], 20);
    assert.deepEqual(parameters("train")["DnsServers"], ["192.168.22.1"]);
    for (const gone of ["EC2MetadataIp", "NeutronExternalNetworkBridge"]) {
      assert.ok(gone in parameters("queens"));
      assert.ok(!(gone in parameters("train")));
    }
  });

  it("put a role's VLANs on the first card and ssh on the second", () => {
    const [controller, compute] = rolesOf(small);
    const vlans = (role: typeof controller, release: Release) => {
      const text = JSON.stringify(nicTemplate(settingsOf({ release }), small, role, TUNNELS));
      assert.match(text, /"name":"nic2","use_dhcp":true,"defroute":false/);
      return [...text.matchAll(/"vlan_id":\{"get_param":"(\w+)NetworkVlanID"\}/g)].map((m) => m[1]);
    };
    for (const release of ["queens", "rocky", "stein", "train"] as const) {
      assert.deepEqual(vlans(controller, release), [
        ...["External", "InternalApi", "Storage", "StorageMgmt", "Tenant"],
      ]);
      assert.deepEqual(vlans(compute, release), ["InternalApi", "Storage", "Tenant"]);
    }
  });

  it("send a controller out by the external network, and a compute by the undercloud", () => {
    const [controller, compute] = rolesOf(small).map((role) =>
      JSON.stringify(nicTemplate(settingsOf(), small, role, TUNNELS)),
    );
    const route = /"next_hop":\{"get_param":"(\w+)DefaultRoute"\}/g;
    const routes = (text = "") => [...text.matchAll(route)].map((m) => m[1]);
    assert.deepEqual(routes(controller), ["ExternalInterface"]);
    assert.deepEqual(routes(compute), ["ControlPlane"]);
  });

  it("send what comes from simulated computes' tunnels back as it came", () => {
    const back = [{ ip_netmask: TUNNELS, next_hop: "10.0.50.1" }];
    for (const release of ["queens", "rocky", "stein", "train"] as const) {
      for (const role of rolesOf(small)) {
        const text = JSON.stringify(nicTemplate(settingsOf({ release }), small, role, TUNNELS));
        assert.equal(text.split(`"routes":${JSON.stringify(back)}`).length, 2, role.name);
      }
    }
  });
});

describe("the documents of a release without nova", () => {
  const settings = settingsOf({ release: "wallaby", domain: "lab.example" });

  it("have the way back to simulated computes' tunnels on the tenants' network alone", () => {
    const networks = networkData(settings, small, TUNNELS) as {
      name: string;
      subnets: Record<string, { routes?: unknown }>;
    }[];
    const routes = networks.flatMap(({ name, subnets }) =>
      Object.values(subnets).flatMap(({ routes }) => (routes ? [[name, routes]] : [])),
    );
    assert.deepEqual(routes, [["Tenant", [{ destination: TUNNELS, nexthop: "10.0.50.1" }]]]);
  });

  it("describe networks and virtual addresses that agree", () => {
    const networks = networkData(settings, small, TUNNELS) as {
      name_lower: string;
      vip: boolean;
      subnets: object;
    }[];
    const vips = vipData(settings, small) as { network: string; subnet?: string }[];
    assert.deepEqual(
      vips.map(({ network }) => network),
      ["ctlplane", ...networks.filter(({ vip }) => vip).map((each) => each.name_lower)],
    );
    for (const { network, subnet } of vips.slice(1)) {
      const found = networks.find((each) => each.name_lower === network);
      assert.ok(found && subnet && subnet in found.subnets);
    }
  });

  it("have an instance for each node", () => {
    for (const plan of [small, large, planOf({ controllers: 1, computes: 0 })]) {
      const roles = baremetalDeployment(settings, plan) as {
        count: number;
        instances: { name: string; hostname: string }[];
      }[];
      for (const { count, instances } of roles) assert.equal(instances.length, count);
      assert.deepEqual(
        roles.flatMap(({ instances }) => instances.map(({ name }) => name)),
        plan.nodes.slice(1).map(({ name }) => name),
      );
    }
  });

  it("call networks as TripleO does", () => {
    assert.deepEqual(
      small.vlans.map(({ name }) => lowerName(name)),
      ["external", "internal_api", "storage", "storage_mgmt", "tenant"],
    );
  });
});

describe("the playbook's variables", () => {
  it("give each node a BMC port and a card of its own, for any count", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(1, 3),
        fc.integer({ min: 0, max: 36 }),
        (controllers, computes) => {
          const plan = planOf({ controllers: controllers, computes });
          const { cloud_nodes: nodes } = varsFor({}, plan);
          assert.equal(nodes.length, controllers + computes);
          for (const key of ["name", "mac", "bmc_port", "domain"] as const) {
            assert.equal(new Set(nodes.map((node) => node[key])).size, nodes.length);
          }
          assert.equal(nodes[0]?.bmc_port, 6230);
        },
      ),
    );
  });

  it("make flavors a little smaller than the nodes", () => {
    assert.deepEqual(varsFor().cloud_flavors, [
      { name: "controller", ram: 16384, disk: 37, vcpus: 1 },
      { name: "compute", ram: 6144, disk: 27, vcpus: 1 },
    ]);
    const none = varsFor({}, planOf({ controllers: 1, computes: 0 })).cloud_flavors[1];
    assert.ok(none && none.ram > 0 && none.disk >= 6 && none.vcpus >= 1);
  });

  it("ask each release's own tool for images, and the settings first", () => {
    const containers = (raw: Record<string, unknown>) => varsFor(raw).cloud_containers;
    const own = { containers: { registry: "registry.example:5000", namespace: "mine", tag: "t1" } };
    assert.equal(containers({ release: "train" }).override, null);
    assert.deepEqual(containers({ release: "train", ...own }).override, {
      parameter_defaults: {
        ContainerImagePrepare: [
          { push_destination: true, set: { namespace: "registry.example:5000/mine", tag: "t1" } },
        ],
      },
    });
    const queens = containers({ release: "queens", ...own });
    assert.deepEqual(after(queens.prepare, "--namespace"), ["registry.example:5000/mine"]);
    assert.deepEqual(after(queens.prepare, "--tag"), ["t1"]);
    const rhel = containers({ release: "queens", distribution: "rhel" });
    assert.match(after(rhel.prepare, "--namespace").join(), /rhosp13$/);
  });

  it("hold no password, and mark text that ansible would take for its own", () => {
    const text = renderVars(varsFor({ deployArgs: ["{{ lookup('pipe', 'id') }}"] }));
    const script = (JSON.parse(text) as Record<string, unknown>)["cloud_deploy_script"];
    assert.deepEqual(Object.keys(script as object), ["__ansible_unsafe"]);
    assert.match(text, /"password_file": "\/out\/bmc-password"/);
    assert.doesNotMatch(text, /"(pm_)?password"/);
  });

  it("put the undercloud into every network of the overcloud, into the external one as its gateway", () => {
    const { cloud_vlans: vlans, cloud_hypervisor_network: hypervisor } = varsFor();
    assert.deepEqual(vlans[0], {
      cidr: "10.0.10.0/24",
      address: "10.0.10.1",
      netmask: "255.255.255.0",
      vlan: 10,
      gateway: true,
    });
    assert.deepEqual(
      vlans.map(({ address, gateway }) => [address, gateway]),
      [10, 20, 30, 40, 50].map((third) => [`10.0.${third}.1`, third === 10]),
    );
    assert.equal(hypervisor, "192.168.22.0/24");
  });

  it("take the user's kernel parameters over the router's", () => {
    const { cloud_sysctls: sysctls } = varsFor({
      sysctls: { "net.ipv4.ip_forward": 0, "vm.swappiness": 10 },
    });
    assert.equal(sysctls["net.ipv4.ip_forward"], 0);
    assert.equal(sysctls["vm.swappiness"], 10);
    assert.ok("net.ipv4.conf.all.rp_filter" in sysctls);
  });
});

describe("what a tag depends on", () => {
  const roles = path.join(import.meta.dirname, "../../../playbooks/roles");
  const used = (role: string) =>
    globSync(`${role}/**/*`, { cwd: roles, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .flatMap((entry) => [
        ...readFileSync(path.join(entry.parentPath, entry.name), "utf8").matchAll(/\bcloud_\w+/g),
      ])
      .map(([name]) => name);

  for (const release of ["train", "wallaby"] as const) {
    for (const { name, group } of stepsOf(release)) {
      if (group !== "deploy_overcloud") continue;
      it(`has every variable that ${name} reads in ${release}`, () => {
        const slice: readonly string[] = VARIABLES_OF[name] ?? [];
        assert.ok(slice.length > 0);
        assert.deepEqual(
          [...new Set(used(name))].filter((each) => !slice.includes(each)),
          [],
        );
        assert.deepEqual(Object.keys(varsOf(name, varsFor({ release }))).sort(), [...slice].sort());
      });
    }
  }

  it("does not change with what it does not use", () => {
    const slice = (plan: typeof small, step: "setup_vlan" | "create_flavors") =>
      JSON.stringify(varsOf(step, varsFor({}, plan)));
    assert.equal(slice(small, "setup_vlan"), slice(large, "setup_vlan"));
    assert.notEqual(slice(small, "create_flavors"), slice(large, "create_flavors"));
  });
});
