import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { parse } from "yaml";
import {
  baremetalDeployment,
  networkData,
  networkEnvironment,
  nicTemplate,
  nodePlacement,
  vipData,
} from "../../components/overcloud/documents.ts";
import { rolesOf } from "../../components/overcloud/roles.ts";
import { stepsOf } from "../../components/overcloud/steps.ts";
import {
  BMC_PASSWORD,
  TripleoHosts,
  TUNNELS,
  type Case,
  type Counts,
} from "../support/tripleo/hosts.ts";

const hosts = new TripleoHosts("itest-overcloud");

const TAGS = (release: Case["release"]) =>
  stepsOf(release).flatMap(({ name, group }) => (group === "deploy_overcloud" ? [name] : []));

const changed = (counts: Record<string, Counts>) =>
  Object.values(counts).reduce((sum, host) => sum + host.changed, 0);

/** Runs tags and fails with what ansible said if they do. */
async function play(...tags: string[]) {
  const ended = await hosts.play(tags);
  assert.equal(ended.status, 0, ended.stderr);
  return ended;
}

interface Instackenv {
  nodes: (Record<string, string> & { mac?: string[]; ports?: Record<string, string>[] })[];
}

/** A rule of setup_vlan's. */
const GONE = ["-d", "10.0.20.0/24", "-j", "ACCEPT"];

const instackenv = async () =>
  JSON.parse(await hosts.read("/home/stack/instackenv.json")) as Instackenv;

const document = async (file: string) => parse(await hosts.read(`/home/stack/${file}`)) as unknown;

describe("the overcloud's playbook over ssh", { timeout: 30 * 60_000 }, () => {
  before(() => hosts.create("10.79.104.0/24"));
  after(() => hosts.remove());

  describe("of train, one controller and one compute", () => {
    const subject: Case = {
      release: "train",
      controllers: 1,
      computes: 1,
      overcloud: {
        environmentFiles: [hosts.file("extra.yaml")],
        deployArgs: ["--log-file", "a b"],
      },
    };
    before(() => hosts.reset(subject));

    it("can be tried without changing anything", async () => {
      const ended = await hosts.play(["all"], { check: true });
      assert.equal(ended.status, 0, ended.stderr);
      assert.match(hosts.log(), /iptables -w -t nat -A POSTROUTING -s 10\.0\.10\.0\/24/);
      assert.deepEqual(await hosts.calls(), []);
      const folders = ["/home/stack", "/etc/sysconfig", "/etc/sysctl.d"];
      const since = [
        "-newer",
        "/home/stack/stackrc",
        "-type",
        "f",
        "-not",
        "-path",
        "*/.ansible/*",
      ];
      const left = await hosts.run("undercloud", "find", ...folders, ...since);
      assert.equal(left, "");
      assert.equal(await hosts.run("hypervisor", "ls", "/var/lib/stand-in"), "");
    });

    it("says what is missing when the last tag is all that runs", async () => {
      const ended = await hosts.play(["run_deploy_overcloud"]);
      assert.notEqual(ended.status, 0);
      assert.match(ended.stderr, /Missing on the undercloud: .*deploy_overcloud\.sh/);
    });

    for (const tag of TAGS("train")) {
      it(`runs ${tag} by itself`, async () => {
        assert.ok(changed((await play(tag)).hosts) > 0);
      });
    }

    it("changes nothing when all of it runs again", async () => {
      const calls = await hosts.calls();
      assert.equal(changed((await play("all")).hosts), 0);
      assert.deepEqual(await hosts.calls(), calls);
    });

    it("calls the undercloud's client in the order that works, and with nothing unknown", async () => {
      const calls = (await hosts.calls()).map((call) => call.split(" -")[0]);
      const position = (start: string) => calls.findIndex((call) => call?.startsWith(start));
      const order = [
        "overcloud node import",
        "overcloud node introspect",
        "flavor create",
        "baremetal node set",
        "overcloud deploy",
      ];
      const positions = order.map(position);
      assert.ok(
        positions.every((place) => place >= 0),
        calls.join("\n"),
      );
      assert.deepEqual(
        positions,
        positions.toSorted((a, b) => a - b),
      );
      assert.equal(calls.filter((call) => call === "overcloud deploy").length, 1);
      assert.ok(!calls.some((call) => call?.includes("delete")));
    });

    it("describes the nodes as they are planned, with the password where only stack reads it", async () => {
      const [controller, compute] = hosts.plan.nodes.slice(1);
      const { nodes } = await instackenv();
      assert.deepEqual(nodes[0], {
        name: "controller-0",
        arch: "x86_64",
        cpu: "2",
        memory: "16384",
        disk: "39",
        pm_type: "ipmi",
        pm_addr: "192.168.24.254",
        pm_port: "6230",
        pm_user: "admin",
        pm_password: BMC_PASSWORD,
        ports: [{ address: controller?.provisioning.mac, physical_network: "ctlplane" }],
      });
      // The ports of two more controllers lie between.
      assert.equal(nodes[1]?.["pm_port"], "6233");
      assert.equal(nodes[1]?.ports?.[0]?.["address"], compute?.provisioning.mac);
      const mode = await hosts.run(
        "undercloud",
        "stat",
        "-c",
        "%a %U",
        "/home/stack/instackenv.json",
      );
      assert.equal(mode, "600 stack");
      assert.ok(!hosts.log().includes("$ecret"), "the log has the BMCs' password");
    });

    it("writes the documents as they are planned", async () => {
      const { settings, plan } = hosts;
      assert.deepEqual(
        await document("network-environment.yaml"),
        networkEnvironment(settings, plan),
      );
      assert.deepEqual(await document("node-placement.yaml"), nodePlacement(settings, plan));
      for (const role of rolesOf(plan)) {
        const written = await document(`nic-configs/${role.key}.yaml`);
        assert.deepEqual(written, nicTemplate(settings, plan, role, TUNNELS));
      }
      assert.deepEqual(await document("environments/00-extra.yaml"), {
        parameter_defaults: { Extra: true },
      });
      const script = await hosts.read("/home/stack/deploy_overcloud.sh");
      assert.match(script, /exec openstack overcloud deploy .* --log-file 'a b' "\$@"$/);
    });

    it("ties each node to its place and keeps what inspection found", async () => {
      const { nodes, flavors } = await hosts.state();
      const capabilities = nodes["compute-0"]?.properties["capabilities"]?.split(",").sort();
      assert.deepEqual(capabilities, [
        ...["boot_option:local", "cpu_vt:true", "node:compute-0", "profile:compute"],
      ]);
      assert.equal(nodes["compute-0"]?.resource_class, "compute");
      assert.equal(flavors["compute"]?.properties["resources:CUSTOM_COMPUTE"], "1");
      assert.equal(flavors["compute"]?.properties["resources:VCPU"], "0");
    });

    it("makes the undercloud a router to the overcloud's networks, with each rule once", async () => {
      const rules = (await hosts.run("undercloud", "iptables-save")).split("\n");
      for (const rule of [
        "-A POSTROUTING -s 10.0.10.0/24 ! -d 10.0.10.0/24 -j MASQUERADE",
        ...[10, 20, 30, 40, 50].flatMap((third) => [
          `-A POSTROUTING -s 192.168.22.0/24 -d 10.0.${third}.0/24 -j MASQUERADE`,
          `-A FORWARD -s 10.0.${third}.0/24 -j ACCEPT`,
          `-A FORWARD -d 10.0.${third}.0/24 -j ACCEPT`,
        ]),
      ]) {
        assert.equal(rules.filter((each) => each === rule).length, 1, rule);
      }
      assert.match(await hosts.read("/etc/sysconfig/iptables"), /MASQUERADE/);
      const addresses = await hosts.run("undercloud", "ip", "-o", "-4", "address");
      for (const vlan of [10, 20, 30, 40, 50]) {
        assert.match(addresses, new RegExp(`vlan${vlan} +inet 10\\.0\\.${vlan}\\.1/24`));
      }
      assert.deepEqual((await hosts.state()).subnet, ["192.168.22.1"]);
      assert.match(
        await hosts.read("/etc/sysctl.d/90-overcloud.conf"),
        /^net\.ipv4\.ip_forward = 1$/m,
      );
    });

    it("puts back the rule that somebody removed, and no other", async () => {
      const rules = () => hosts.run("undercloud", "iptables-save", "-t", "filter");
      const count = (saved: string) => saved.match(/^-A FORWARD /gm)?.length;
      const before = count(await rules());
      await hosts.run("undercloud", ...["iptables", "-D", "FORWARD"], ...GONE);
      assert.equal(changed((await play("setup_vlan")).hosts), 2);
      const after = await rules();
      assert.ok(after.includes(`-A FORWARD ${GONE.join(" ")}`), after);
      assert.equal(count(after), before);
      assert.equal(changed((await play("setup_vlan")).hosts), 0);
    });

    it("puts the hypervisor's key in place, and lets it in", async () => {
      const pair = await hosts.run("hypervisor", "cat", "/root/keys/id_ed25519");
      assert.equal(await hosts.read("/home/stack/.ssh/id_rsa"), pair);
      const publicKey = (await hosts.read("/home/stack/.ssh/id_rsa.pub")).split(" ")[1] ?? "none";
      assert.ok((await hosts.read("/home/stack/.ssh/authorized_keys")).includes(publicKey));
    });

    it("adds nodes without touching those that are registered", async () => {
      for (const { domainName } of hosts.plan.nodes.slice(1)) {
        await hosts.run("hypervisor", "rm", `/var/lib/stand-in/off-${domainName}`);
      }
      hosts.configure({ ...subject, computes: 4 });
      await play(
        "create_instackenv",
        "introspect_nodes",
        "create_flavors",
        "build_heat_config",
        "run_deploy_overcloud",
      );
      const off = (await hosts.run("hypervisor", "ls", "/var/lib/stand-in")).split("\n");
      assert.deepEqual(off, ["off-lab-compute-1", "off-lab-compute-2", "off-lab-compute-3"]);
      const { nodes, stacks } = await hosts.state();
      assert.equal(Object.keys(nodes).length, 5);
      assert.deepEqual(stacks, { overcloud: "UPDATE_COMPLETE" });
      assert.match((await hosts.calls()).at(-1) ?? "", /overcloud deploy .*--compute-scale 4/);
      assert.ok(!(await hosts.calls()).some((call) => call.includes("stack delete")));
    });

    for (const [deploy, expected] of [
      ["badly", /the command ended with 1, the stack is UPDATE_FAILED/],
      ["unnoticed", /the command ended with 0, the stack is UPDATE_FAILED/],
      ["without saying", /the command ended with 1, the stack is UPDATE_COMPLETE/],
    ] as const) {
      it(`takes a deployment that ends ${deploy} for failed, whatever its log says`, async () => {
        await hosts.change({ deploy, stacks: { overcloud: "UPDATE_FAILED" } });
        const ended = await hosts.play(["run_deploy_overcloud"]);
        assert.notEqual(ended.status, 0);
        assert.match(ended.stderr, /Step play failed: .*The deployment failed/);
        assert.match(ended.stderr, expected);
        assert.ok((await hosts.state()).stacks["overcloud"], "the stack is still there");
      });
    }

    it("deletes a failed stack only when the settings say so", async () => {
      await hosts.change({ deploy: "well", stacks: { overcloud: "UPDATE_FAILED" } });
      const overcloud = { ...subject.overcloud, deleteExistingStack: true };
      hosts.configure({ ...subject, computes: 4, overcloud });
      await play("run_deploy_overcloud");
      assert.deepEqual(
        (await hosts.calls()).slice(-2).map((call) => call.split(" --")[0]),
        ["overcloud delete", "overcloud deploy"],
      );
      assert.deepEqual((await hosts.state()).stacks, { overcloud: "CREATE_COMPLETE" });
      assert.equal(changed((await play("run_deploy_overcloud")).hosts), 0);
    });

    it("fails where the inventory is missing or has nobody to run on", async () => {
      const missing = await hosts.play(["setup_vlan"], { inventory: hosts.file("none.yml") });
      assert.notEqual(missing.status, 0);
      assert.match(missing.stderr, /none\.yml is not there; the step that writes it comes first/);
      const nobody = await hosts.play(["setup_vlan"], { inventory: "/dev/null" });
      assert.notEqual(nobody.status, 0);
      assert.match(nobody.stderr, /no host of \/dev\/null matched: .*The overcloud/);
    });
  });

  describe("of wallaby, three controllers and four computes", () => {
    before(() => hosts.reset({ release: "wallaby", controllers: 3, computes: 4 }));

    it("runs as a whole, and changes nothing when it runs again", async () => {
      assert.ok(changed((await play("all")).hosts) > 0);
      assert.equal(changed((await play("all")).hosts), 0);
    });

    it("provisions networks, virtual addresses and nodes as they are planned", async () => {
      const { settings, plan } = hosts;
      assert.deepEqual(
        await document("network_data_v2.yaml"),
        networkData(settings, plan, TUNNELS),
      );
      assert.deepEqual(await document("vip_data.yaml"), vipData(settings, plan));
      assert.deepEqual(
        await document("baremetal_deployment.yaml"),
        baremetalDeployment(settings, plan),
      );
      const { provisioned, nodes, stacks, flavors } = await hosts.state();
      assert.deepEqual(provisioned, ["networks", "vips", "nodes"]);
      assert.ok(Object.values(nodes).every((node) => node.provision_state === "active"));
      assert.equal(Object.keys(nodes).length, 7);
      assert.deepEqual([stacks, flavors], [{ overcloud: "DEPLOY_SUCCESS" }, {}]);
    });

    it("provisions the networks again when they change", async () => {
      const overcloud = { domain: "lab.example" };
      hosts.configure({ release: "wallaby", controllers: 3, computes: 4, overcloud });
      assert.ok(changed((await play("provision_networks")).hosts) > 0);
      assert.match((await hosts.calls()).at(-1) ?? "", /^overcloud network provision --yes/);
    });
  });

  describe("of queens, three controllers and one compute", () => {
    before(() => hosts.reset({ release: "queens", controllers: 3, computes: 1 }));

    it("runs as a whole though the registry fails twice, and changes nothing when it runs again", async () => {
      await hosts.change({ registry_failures: 2 });
      await play("all");
      assert.equal(changed((await play("all")).hosts), 0);
    });

    it("describes cards by their addresses alone, which is all that queens knows", async () => {
      const { nodes } = await instackenv();
      assert.deepEqual(
        nodes.map(({ mac }) => mac),
        hosts.plan.nodes.slice(1).map(({ provisioning }) => [provisioning.mac]),
      );
      assert.ok(nodes.every(({ ports }) => ports === undefined));
    });
  });
});
