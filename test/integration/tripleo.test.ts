import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { execa } from "execa";
import { parse } from "yaml";
import { bmcFiles, processesOf } from "../../components/bmc/daemon.ts";
import { bmcDirectory } from "../../components/bmc/virtual-bmc.ts";
import { hypervisors } from "../../components/openstack/compute.ts";
import type { OpenStackClient } from "../../components/openstack/client.ts";
import { PROJECT_DIRECTORY } from "../../components/project.ts";
import { hasNodeImage, makeNodeImage, nodeImageOf } from "../../tools/node-image.ts";
import { containers, docker, ScratchStack } from "../../tools/scratch-stack.ts";
import { TaskLog } from "../../tools/setup/log.ts";
import { project } from "../../tools/setup/paths.ts";
import { cacheImage } from "../../tools/setup/tasks/images.ts";
import * as cloudOf from "../support/cloud.ts";
import { NO_PINS, standInCheckout } from "../support/infrared.ts";
import { sweepLibvirt, expectNoneInLibvirt } from "../support/libvirt.ts";
import { joinNetworks, Pipeline, PLAYBOOK } from "../support/pipeline.ts";
import type { CloudState } from "../support/tripleo/hosts.ts";
import { placeOf } from "../support/places.ts";
import { expectNoneInDocker } from "../support/docker.ts";

const STACK = "itest-tripleo";
const CLOUD = "itest-tripleo-cloud";
const NETWORK = "10.79.192.0/24";
const CLOUD_PLACE = placeOf("tripleo");
const UNDERCLOUD = "10.79.197.100";
const VLANS = {
  External: "10.79.198.0/26",
  InternalApi: "10.79.198.64/26",
  Storage: "10.79.198.128/26",
  StorageMgmt: "10.79.198.192/26",
  Tenant: "10.79.199.0/26",
};
const FIRST_BMC_PORT = 18230;

/** Steps in the order in which they must have ended; those of one line need each other. */
const CHAINS = [
  ["install_infrared", "setup_infrared_env", "pre_undercloud", "deploy_undercloud"],
  ["wait-for-undercloud-0", "pre_undercloud"],
  ["deploy_undercloud", "create_instackenv", "introspect_nodes", "create_flavors"],
  ["compute-0-bmc", "introspect_nodes"],
  ...[
    "gen_ssh_key",
    "setup_vlan",
    "tune_undercloud",
    "build_heat_config",
    "prepare_containers",
  ].map((step) => ["deploy_undercloud", step, "run_deploy_overcloud"]),
  ["create_flavors", "run_deploy_overcloud", "take-access", "routes-to-overcloud"],
  ["run_deploy_overcloud", "harvest-compute", "routes-to-overcloud", "wait-for-computes"],
];
const STEPS = [...new Set(CHAINS.flat())];

const stack = new ScratchStack(STACK);
/** What TripleO would have deployed: a cloud without computes. */
const overcloud = new ScratchStack(CLOUD);
const pipeline = new Pipeline();
const output = path.join(PROJECT_DIRECTORY, "output", STACK);
const bmc = bmcFiles(bmcDirectory(output));
const container = (host: string) => `${STACK}-${host}`;
let cloud: OpenStackClient;

async function settings(): Promise<Record<string, string | number>> {
  const { disk, kernel, initrd, cmdline } = await nodeImageOf(project);
  const nodes = ["undercloud", "controller", "compute"].flatMap((role): [string, number][] => [
    // Emulated, five steps run there at a time.
    [`libvirt.nodes.${role}.vcpus`, role === "undercloud" ? 2 : 1],
    [`libvirt.nodes.${role}.memoryMb`, 512],
    [`libvirt.nodes.${role}.diskGb`, 2],
  ]);
  return {
    controlPlane: "tripleo",
    computes: 1,
    "network.cidr": NETWORK,
    "network.tunnelCidr": "10.79.193.0/24",
    "libvirt.domainType": "qemu",
    "libvirt.image.source": disk,
    "libvirt.image.kernel": kernel,
    "libvirt.image.initrd": initrd,
    "libvirt.image.cmdline": cmdline,
    ...Object.fromEntries(nodes),
    "libvirt.nodes.controller.count": 1,
    "libvirt.networks.provisioning.cidr": "10.79.196.0/24",
    "libvirt.networks.external.cidr": "10.79.197.0/24",
    "libvirt.networks.external.dhcp.start": UNDERCLOUD,
    "libvirt.networks.external.dhcp.end": "10.79.197.120",
    ...Object.fromEntries(
      Object.entries(VLANS).map(([name, cidr]) => [`libvirt.vlans.${name}.cidr`, cidr]),
    ),
    "infrared.source.path": path.join(pipeline.folder, "infrared"),
    ...Object.fromEntries(Object.keys(NO_PINS).map((name) => [`infrared.pins.${name}`, ""])),
    // Nothing is downloaded.
    "infrared.undercloud.imagesUrl": "file:///var/tmp/images",
    "infrared.preUndercloud.playbook": PLAYBOOK,
    "infrared.preUndercloud.extraVars.archive": pipeline.archive,
    "infrared.preUndercloud.extraVars.address": "10.79.196.1/24",
    "overcloud.release": "train",
    // The cloud that they join is of the project's own release.
    "overcloud.computeImage": cacheImage,
    "overcloud.bmc.firstPort": FIRST_BMC_PORT,
  };
}

/** What a node says, as the user who logs in there once it is deployed. */
async function on(
  node: string,
  user: string,
  command: string,
  ...options: string[]
): Promise<string> {
  const config = path.join(output, "ssh/config");
  const { stdout } = await execa("ssh", ["-F", config, "-l", user, ...options, node, command], {
    stdin: "ignore",
    timeout: 120_000,
  });
  return stdout.trim();
}

/** Has the overcloud's scheduler leave it to others to map hosts to their cell. */
async function withoutDiscovery(): Promise<void> {
  const scheduler = `${CLOUD}-nova-scheduler`;
  const file = "/etc/nova/nova.conf.d/60-test.conf";
  const text = "[scheduler]\ndiscover_hosts_in_cells_interval = -1\n";
  await docker("exec", scheduler, "sh", "-c", `printf '${text}' > ${file} && chmod a+r ${file}`);
  await docker("restart", scheduler);
}

const STATE = "/var/lib/stand-in/state.json";

async function changeUndercloud(change: Partial<CloudState>): Promise<void> {
  const text = await on("undercloud-0", "stack", `cat ${STATE}`);
  const state = JSON.stringify({ ...(JSON.parse(text) as CloudState), ...change });
  await on("undercloud-0", "stack", `cat > ${STATE} <<'END'\n${state}\nEND`);
}

/** What the undercloud's client was called with, without what only asks. */
async function calls(): Promise<string[]> {
  const text = await on("undercloud-0", "stack", "cat /var/lib/stand-in/calls.jsonl");
  return text
    .split("\n")
    .map((line) => (JSON.parse(line) as string[]).join(" "))
    .filter(
      (line) => !/^(subnet show|baremetal node list|flavor (list|show)|stack list)/.test(line),
    );
}

/** When each step was done for the last time, and how often. */
function done(): Map<string, { last: string; times: number }> {
  const logs = path.join(output, "logs");
  return new Map(
    readdirSync(logs)
      .filter((file) => file.endsWith(".log"))
      .flatMap((file) => {
        const name = path.basename(file, ".log");
        const text = readFileSync(path.join(logs, file), "utf8");
        const ends = [...text.matchAll(/^(\S+) step \S+ is done$/gm)].map(([, time = ""]) => time);
        const last = ends.at(-1);
        return last === undefined ? [] : [[name, { last, times: ends.length }] as const];
      }),
  );
}

/** Steps that were done since. */
function doneSince(before: ReturnType<typeof done>): string[] {
  return [...done()]
    .filter(([name, { times }]) => times !== before.get(name)?.times)
    .map(([name]) => name)
    .sort();
}

async function routes(): Promise<string[]> {
  const { stdout } = await execa("ip", ["route", "show", "via", UNDERCLOUD]);
  return stdout
    .split("\n")
    .filter(Boolean)
    .map((line) => line.split(" ")[0] ?? "")
    .sort();
}

const nameOf = ({ op, urn }: { op: string; urn: string }) => `${op} ${urn.split("::").at(-1)}`;

describe("a TripleO cloud, from nothing to nothing", { timeout: 40 * 60_000 }, () => {
  let separate = async () => {};

  before(async () => {
    if (!(await hasNodeImage(project))) {
      await makeNodeImage(project, new TaskLog(project.logs, "node-image"));
    }
    await sweepLibvirt(STACK);
    await overcloud.create({
      computes: 0,
      ...CLOUD_PLACE.settings,
    });
    await overcloud.up();
    // As TripleO's: hosts are mapped when nova-manage is told to.
    await withoutDiscovery();
    const { cloudsYaml } = await overcloud.outputs();
    const { clouds } = parse(readFileSync(cloudsYaml, "utf8")) as {
      clouds: Record<string, { auth: { password: string } }>;
    };
    standInCheckout(path.join(pipeline.folder, "infrared"));
    await pipeline.create({
      overcloud: {
        names: CLOUD,
        cidr: CLOUD_PLACE.network,
        keystonePort: CLOUD_PLACE.ports.keystone,
        adminPassword: clouds[CLOUD]?.auth.password ?? "",
      },
      hypervisor: "10.79.197.1",
      nodes: { "controller-0": "10.79.197.101", "compute-0": "10.79.197.104" },
      state: { release: "train" },
    });
    separate = await joinNetworks(NETWORK, CLOUD_PLACE.network);
    await stack.create(await settings());
  });

  after(async () => {
    await stack.remove();
    await separate();
    await overcloud.remove();
    pipeline.remove();
    for (const pid of processesOf(bmc)) process.kill(pid, "SIGKILL");
    await sweepLibvirt(STACK);
  });

  it("is deployed by one `up`, each step after those it needs", async () => {
    await stack.up();
    const times = done();
    for (const step of STEPS) assert.equal(times.get(step)?.times, 1, step);
    for (const chain of CHAINS) {
      const order = chain.toSorted((a, b) => (times.get(a)!.last < times.get(b)!.last ? -1 : 1));
      assert.deepEqual(order, chain);
    }
    cloud = await stack.cloud();
  });

  it("previews no change right after", () => stack.expectNoChanges());

  it("describes the nodes to the undercloud as they are planned, and calls it in the right order", async () => {
    const text = await on("undercloud-0", "stack", "cat instackenv.json");
    const { nodes } = JSON.parse(text) as { nodes: Record<string, unknown>[] };
    assert.deepEqual(
      nodes.map(({ name, pm_addr, pm_port, cpu, memory }) => [name, pm_addr, pm_port, cpu, memory]),
      [
        ["controller-0", "10.79.196.254", String(FIRST_BMC_PORT), "1", "512"],
        ["compute-0", "10.79.196.254", String(FIRST_BMC_PORT + 3), "1", "512"],
      ],
    );
    for (const file of ["deploy_overcloud.sh", "roles_data.yaml", "network-environment.yaml"]) {
      await on("undercloud-0", "stack", `test -s ${file}`);
    }
    const all = await calls();
    const order = ["node import", "node introspect", "flavor create", "overcloud deploy"].map(
      (call) => all.findIndex((line) => line.includes(call)),
    );
    assert.ok(!order.includes(-1), all.join("\n"));
    assert.deepEqual(
      order,
      order.toSorted((a, b) => a - b),
    );
    assert.equal(all.filter((line) => line.startsWith("overcloud deploy ")).length, 1);
    assert.match(await on("undercloud-0", "stack", "sysctl net.ipv4.ip_forward"), /= 1$/);
  });

  it("reaches the overcloud's networks through the undercloud, from here and from computes", async () => {
    assert.deepEqual(await routes(), Object.values(VLANS).sort());
    // The undercloud is the gateway of the external network.
    const gateway = "10.79.198.1";
    await on("undercloud-0", "stack", "true", "-o", `HostName=${gateway}`);
    const ping = ["ping", "-c", "1", "-W", "5", gateway];
    await docker("exec", container("compute-0"), ...ping);
  });

  it("carries tunnels between a real and a simulated compute, whatever daemon started last", async () => {
    const tenant = "10.79.199.20";
    const router = "10.79.199.1";
    const tunnel = "10.79.193.64";
    // The wire carries no VLANs here, so the undercloud has this one address of the tenants' network on its end of it.
    await on("undercloud-0", "stack", `sudo ip route replace ${tenant}/32 dev eth0`);
    for (const command of [
      "ip link set eth0 up",
      `ip address replace ${tenant}/26 dev eth0`,
      `ip route replace 10.79.193.0/24 via ${router} dev eth0`,
    ]) {
      await on("compute-0", "heat-admin", `sudo ${command}`);
    }
    const bothWays = async () => {
      const ping = ["ping", "-c", "1", "-W", "2", "-I", tunnel, tenant];
      const there = await execa("docker", ["exec", container("compute-0"), ...ping], {
        reject: false,
      });
      // No program there sends echo requests: that the tunnels' end refuses what it has no use for is an answer, too.
      const python = [
        "import socket",
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
        `s.bind(("${tenant}", 0))`,
        "s.settimeout(5)",
        `s.connect(("${tunnel}", 9))`,
        's.send(b"x")',
        "s.recv(1)",
      ].join("; ");
      const back = await on("compute-0", "heat-admin", `python3 -c '${python}' 2>&1 || true`);
      return { there: !there.failed, back: /refused/.test(back) };
    };
    const open = (seen: Awaited<ReturnType<typeof bothWays>>) => seen.there && seen.back;
    await cloudOf.eventually("tunnels", 30, bothWays, open);

    // As a daemon does that starts after all others.
    const rule = ["FORWARD", "-d", VLANS.Tenant, "-j", "REJECT"];
    await execa("iptables", ["-w", "-I", ...rule]);
    try {
      await cloudOf.eventually("tunnels behind another's rule", 30, bothWays, open);
    } finally {
      await execa("iptables", ["-w", "-D", ...rule]);
    }
  });

  it("has a simulated compute that the overcloud knows, and a server on it", async () => {
    assert.deepEqual(pipeline.podman, [
      "exec nova_api nova-manage cell_v2 discover_hosts --by-service",
    ]);
    assert.deepEqual((await stack.outputs()).hypervisors, {
      requested: 1,
      registered: 1,
      names: ["compute-0"],
    });
    assert.deepEqual(
      (await hypervisors(cloud)).map(({ host }) => host),
      ["compute-0"],
    );
    const { id } = await cloudOf.boot(cloud, "first", "compute-0");
    await cloudOf.wired(cloud, id, container("compute-0"), "compute-0");
  });

  it("touches only the difference when the number of computes grows", async () => {
    const before = await containers(STACK, "simulated-compute");
    const steps = done();
    await stack.configure({ computes: 2 });
    assert.deepEqual((await stack.changes()).map(nameOf).sort(), [
      ...["create compute-1", "replace registration"],
      ...["update scale-down-guard", "update tripleo-files", "update wait-for-computes"],
    ]);
    await stack.up();
    assert.deepEqual(doneSince(steps), [
      ...["scale-down-guard", "tripleo-files", "wait-for-computes"],
    ]);
    const now = await containers(STACK, "simulated-compute");
    assert.equal(now.get(container("compute-0"))?.id, before.get(container("compute-0"))?.id);
    assert.deepEqual((await hypervisors(cloud)).map(({ host }) => host).sort(), [
      "compute-0",
      "compute-1",
    ]);
  });

  it("stops where a step fails, and goes on there", async () => {
    const before = done();
    const running = await containers(STACK, "simulated-compute");
    await changeUndercloud({ deploy: "badly" });
    // Another command that deploys, and nothing else.
    await stack.configure({ "overcloud.debug": "false" });
    const up = ["up", "--yes", "--skip-preview", "--stack", STACK];
    const { exitCode, all } = await stack.tryPulumi(...up);
    assert.notEqual(exitCode, 0);
    assert.match(
      all,
      /Step run_deploy_overcloud failed: .*the stack is UPDATE_FAILED.*\(log: .*run_deploy_overcloud\.log\)/s,
    );
    assert.deepEqual(doneSince(before), ["build_heat_config", "overcloud-vars"]);

    const failed = done();
    await changeUndercloud({ deploy: "well" });
    await stack.up();
    assert.deepEqual(doneSince(failed), ["harvest-compute", "run_deploy_overcloud", "take-access"]);
    await stack.expectNoChanges();
    assert.deepEqual(await containers(STACK, "simulated-compute"), running);
  });

  it("repeats nothing when steps are left out and chosen again", async () => {
    const before = done();
    await stack.configure({ "skip[0]": "setup_vlan", "skip[1]": "deploy_undercloud" });
    await stack.expectNoChanges();
    const unset = (key: string) =>
      stack.pulumi("config", "rm", "--path", `overcloud:${key}`, "--stack", STACK);
    await unset("skip");
    await stack.configure({ "steps[0]": "tune_undercloud", "steps[1]": "simulate_compute_node" });
    await stack.expectNoChanges();
    await unset("steps");
    await stack.expectNoChanges();
    assert.deepEqual(doneSince(before), []);
  });

  it("would rebuild its machines with their disks once that is confirmed, and nothing otherwise", async () => {
    await stack.configure({ "confirm.rebuildVms": "now" });
    const replaced = (await stack.changes()).filter(({ op }) => op === "replace");
    const machines = ["undercloud-0", "controller-0", "compute-0"];
    assert.deepEqual(
      replaced
        .filter(({ urn }) => urn.includes("libvirt:index"))
        .map(({ urn }) => urn.split("::").at(-1))
        .sort(),
      machines.flatMap((name) => [name, `${name}-disk`]).sort(),
    );
    await stack.configure({ "confirm.rebuildVms": "" });
    await stack.expectNoChanges();
  });

  it("leaves nothing behind", async () => {
    await stack.destroy();
    await expectNoneInLibvirt(STACK);
    await expectNoneInDocker(STACK);
    assert.deepEqual(await routes(), []);
    for (const table of ["filter", "mangle"]) {
      const { stdout } = await execa("iptables", ["-w", "-t", table, "-S"]);
      assert.ok(!stdout.includes(STACK), stdout);
    }
    assert.deepEqual(processesOf(bmc), []);
    assert.ok(!existsSync(output));
    assert.ok(!existsSync(`/var/lib/libvirt/images/${STACK}`));
  });
});
