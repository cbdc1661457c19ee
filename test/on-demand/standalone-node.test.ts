import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { after, before, describe, it } from "node:test";
import { execa } from "execa";
import { parse } from "yaml";
import { bmcDirectory } from "../../components/bmc/virtual-bmc.ts";
import { bmcFiles, processesOf } from "../../components/bmc/daemon.ts";
import { consoleLogOf } from "../../components/libvirt/console.ts";
import type { OpenStackClient } from "../../components/openstack/client.ts";
import { hypervisors, novaServices } from "../../components/openstack/compute.ts";
import * as cloudOf from "../support/cloud.ts";
import { libvirtHas, sweepLibvirt, virsh, expectNoneInLibvirt } from "../support/libvirt.ts";
import { onNode as onNodeOf } from "../support/node.ts";
import { everySecret, readQuietly } from "../support/secrets.ts";
import { containers, ScratchStack } from "../../tools/scratch-stack.ts";
import { expectNoneInDocker } from "../support/docker.ts";

const STACK = "itest-node";
const NODE = `${STACK}-controller-0`;
const BARE = `${STACK}-baremetal-0`;
const POOL = `/var/lib/libvirt/images/${STACK}`;
const EXTERNAL = "10.79.208.0/24";
const PROVISIONING = "10.79.209.0/24";

const stack = new ScratchStack(STACK);
const container = (host: string) => `${STACK}-${host}`;
let cloud: OpenStackClient;
let output: string;

const onNode = (...command: string[]) => onNodeOf(stack, ...command);

const known = () =>
  cloudOf.known(cloud, (query) => onNode("mariadb", "-N", "-e", JSON.stringify(query)));

/** How often the console has seen the node's kernel start. */
const boots = () =>
  readFileSync(consoleLogOf(output, "controller-0"), "utf8").match(/overcloud: kernel/g)?.length ??
  0;

describe("a standalone cloud on a libvirt node", { timeout: 60 * 60_000 }, () => {
  let servers: cloudOf.ServerState[] = [];

  before(async () => {
    await sweepLibvirt(STACK);
    await stack.create({
      computes: 2,
      baremetal: 1,
      "standalone.placement": "node",
      "network.cidr": "10.79.192.0/21",
      "network.tunnelCidr": "10.79.200.0/21",
      "network.tenantCidr": "10.103.0.0/16",
      "libvirt.networks.external.cidr": EXTERNAL,
      "libvirt.networks.provisioning.cidr": PROVISIONING,
    });
  });

  after(() => stack.remove());

  it("comes up from nothing, with its computes", async () => {
    const progress = await stack.up();
    assert.match(progress, /controller-0: services \d+ of \d+/);
    const { hypervisors, cloudsYaml, openrc, inventory, sshConfig, nodes, endpoints } =
      await stack.outputs();
    output = dirname(cloudsYaml);
    assert.deepEqual(hypervisors.names, ["compute-0", "compute-1"]);
    for (const file of [cloudsYaml, openrc, inventory, sshConfig ?? ""]) {
      assert.equal(statSync(file).mode & 0o777, 0o600, file);
    }
    const address = nodes?.["controller-0"]?.address ?? "";
    assert.equal(endpoints["keystone"], `http://${address}:5000/v3`);
    assert.deepEqual([...(await containers(STACK, "control-plane")).keys()], []);
    cloud = await stack.cloud();
    cloudOf.expectKnown(await known(), ["compute-0", "compute-1"]);
  });

  it("runs a server on each, with ports that are bound, wired and reach each other", async () => {
    servers = [
      await cloudOf.boot(cloud, "first", "compute-0"),
      await cloudOf.boot(cloud, "second", "compute-1"),
    ];
    for (const [index, { id }] of servers.entries()) {
      await cloudOf.wired(cloud, id, container(`compute-${index}`), `compute-${index}`);
    }
    await cloudOf.pings(
      cloud,
      servers.map(({ id }) => id),
      [container("compute-0"), container("compute-1")],
    );
  });

  it("has computes and node see each other's own addresses, both ways", async () => {
    const { nodes } = await stack.outputs();
    const address = nodes?.["controller-0"]?.address ?? "";
    const [compute] = Object.values(hostsOf("simulated_computes"));
    const peers = await onNode("ss", "-Htn", "state", "established", "sport = :5672");
    // As an IPv4 address in one of IPv6: [::ffff:ADDRESS]:PORT.
    assert.ok(peers.includes(`:${compute?.["address"]}]:`), peers);
    const ping = ["ping", "-c", "2", "-W", "5"];
    await execa("docker", ["exec", container("compute-0"), ...ping, address], { stdin: "ignore" });
    await onNode(...ping, compute?.["address"] ?? "");
  });

  it("previews no change right after", () => stack.expectNoChanges());

  it("shows no secret where others read", async () => {
    const secrets = await everySecret(stack);
    const places = {
      "the domain": await virsh("dumpxml", NODE),
      "the node's kernel arguments": await onNode("cat", "/proc/cmdline"),
      "the console": readFileSync(consoleLogOf(output, "controller-0"), "utf8"),
      state: await stack.pulumi("stack", "export", "--stack", STACK),
      "arguments of processes": globSync("/proc/[0-9]*/cmdline").map(readQuietly).join("\n"),
      "logs of steps": globSync(`${output}/logs/*.log`).map(readQuietly).join("\n"),
    };
    for (const [place, text] of Object.entries(places)) {
      assert.ok(text.length > 0, place);
      for (const secret of secrets) assert.ok(!text.includes(secret), `a secret is in ${place}`);
    }
    // Disk, data, and seed.
    const volumes = globSync(`${POOL}/${NODE}*`);
    assert.equal(volumes.length, 3);
    for (const file of [...volumes, `${output}/seed/controller-0.iso`]) {
      assert.equal(statSync(file).mode & 0o077, 0, file);
    }
  });

  it("switches bare metal by what the inventory says", async () => {
    const bare = hostsOf("baremetal")["baremetal-0"] ?? {};
    const ipmi = async (...command: string[]) =>
      (
        await execa(
          "ipmitool",
          [
            ...["-I", "lanplus", "-H", bare["bmc_address"] ?? "", "-p", String(bare["bmc_port"])],
            ...["-U", bare["bmc_user"] ?? "", "-f", bare["bmc_password_file"] ?? "", ...command],
          ],
          { stdin: "ignore", timeout: 60_000 },
        )
      ).stdout;
    assert.equal(await virsh("domstate", BARE), "shut off");
    assert.equal(await ipmi("chassis", "power", "status"), "Chassis Power is off");
    await ipmi("chassis", "power", "on");
    await cloudOf.eventually(
      "bare metal is on",
      60,
      () => virsh("domstate", BARE),
      (state) => state === "running",
    );
    await stack.expectNoChanges();
    await ipmi("chassis", "power", "off");
    await cloudOf.eventually(
      "bare metal is off",
      60,
      () => virsh("domstate", BARE),
      (state) => state === "shut off",
    );
  });

  it("grows and shrinks, and leaves nothing of removed computes behind", async () => {
    const node = await virsh("domid", NODE);
    await stack.configure({ computes: 3 });
    await stack.up();
    cloudOf.expectKnown(await known(), ["compute-0", "compute-1", "compute-2"]);
    await stack.configure({ computes: 1 });
    const { exitCode, all } = await stack.tryPulumi(
      ...["up", "--yes", "--skip-preview", "--stack", STACK],
    );
    assert.notEqual(exitCode, 0);
    assert.match(all, /compute-1 has 1 server \(second\)/);
    await cloudOf.remove(
      cloud,
      servers.slice(1).map(({ id }) => id),
    );
    await stack.up();
    cloudOf.expectKnown(await known(), ["compute-0"]);
    assert.equal(await virsh("domid", NODE), node, "the node was left alone");
  });

  it("refuses to move its control plane unprompted, and shows what a move replaces", async () => {
    await stack.configure({ "standalone.placement": "containers" });
    const { exitCode, all } = await stack.tryPulumi("preview", "--stack", STACK);
    assert.notEqual(exitCode, 0);
    assert.match(
      all,
      /overcloud:standalone\.placement is "containers": can't be changed from node/,
    );
    await stack.configure({ "confirm.movePlacement": "containers" });
    const moved = (await stack.changes()).map(({ op, urn }) => `${op} ${urn.split("::").at(-1)}`);
    for (const step of [
      "create keystone",
      "delete controller-0",
      "delete controller-0-data",
      "replace control-plane-network",
      "replace compute-0",
    ]) {
      assert.ok(moved.includes(step), `${step} is not in\n${moved.join("\n")}`);
    }
    await stack.configure({ "standalone.placement": "node" });
    await stack.expectNoChanges();
  });

  it("is rebooted while servers exist, and needs no help", async () => {
    const before = boots();
    await onNode("reboot").catch(() => "");
    await cloudOf.eventually(
      "the node's services are up again",
      900,
      () => Promise.resolve(readFileSync(consoleLogOf(output, "controller-0"), "utf8")),
      (text) =>
        boots() > before &&
        text.lastIndexOf("overcloud: ready") > text.lastIndexOf("overcloud: kernel"),
    );
    await cloudOf.eventually(
      "nova's services report again",
      180,
      () => novaServices(cloud).catch(() => []),
      (services) => services.length > 0 && services.every(({ state }) => state === "up"),
    );
    const [first] = servers;
    assert.ok(first);
    assert.equal((await cloudOf.server(cloud, first.id)).status, "ACTIVE");
    const probe = await cloudOf.boot(cloud, "probe", "compute-0");
    await cloudOf.wired(cloud, probe.id, container("compute-0"), "compute-0");
    await cloudOf.remove(cloud, [probe.id]);
  });

  it("is brought back with its data after its domain was removed, with other settings at that", async () => {
    await virsh("destroy", NODE);
    await virsh("undefine", NODE);
    await stack.configure({ "compute.downTimeSeconds": 90 });
    const preview = await stack.pulumi("preview", "--stack", STACK);
    assert.match(preview, /to be repaired: virtual machine itest-node-controller-0 is gone/);
    await stack.up();
    const [first] = servers;
    assert.ok(first);
    await cloudOf.settled(cloud, first.id, "ACTIVE", "compute-0");
    await cloudOf.wired(cloud, first.id, container("compute-0"), "compute-0");
    const configured = await onNode("cat", "/etc/nova/nova.conf.d/50-stack.conf");
    assert.match(configured, /service_down_time = 90/);
    cloudOf.expectKnown(await known(), ["compute-0"]);
    await stack.expectNoChanges();
  });

  it("moves into containers once that is confirmed, and ends its services first", async () => {
    await stack.configure({
      "standalone.placement": "containers",
      "confirm.movePlacement": "containers",
    });
    const progress = await stack.up();
    assert.match(progress, /the control plane moves from node to containers/);
    assert.match(progress, /shutting .* down/);
    assert.doesNotMatch(progress, /did not end within/);
    assert.deepEqual((await libvirtHas(STACK)).domains, [BARE]);
    assert.ok((await containers(STACK, "control-plane")).has(container("keystone")));
    cloud = await stack.cloud();
    const told = (await stack.outputs()).hypervisors.names;
    assert.ok(told.length > 0);
    assert.deepEqual(
      (await hypervisors(cloud)).map(({ host, state }) => `${host} ${state}`).sort(),
      told.map((name) => `${name} up`),
    );
    await stack.expectNoChanges();
  });

  it("destroys everything", async () => {
    await stack.destroy();
    await expectNoneInLibvirt(STACK);
    await expectNoneInDocker(STACK);
    assert.deepEqual(processesOf(bmcFiles(bmcDirectory(output))), []);
    for (const path of [POOL, output]) assert.ok(!existsSync(path), path);
    const { stdout } = await execa("ip", ["-4", "route"], { stdin: "ignore" });
    for (const network of [EXTERNAL, PROVISIONING]) assert.ok(!stdout.includes(network), stdout);
  });
});

/** Hosts of a group of the stack's inventory with their variables. */
function hostsOf(group: string): Record<string, Record<string, string>> {
  const { all } = parse(readFileSync(`${output}/inventory.yml`, "utf8")) as {
    all: { children: Record<string, { hosts?: Record<string, Record<string, string>> }> };
  };
  return all.children[group]?.hosts ?? {};
}
