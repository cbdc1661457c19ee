import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { execa } from "execa";
import { planPassage, runPassage } from "../../components/tripleo/passage.ts";
import { PROJECT_DIRECTORY } from "../../components/project.ts";
import { docker } from "../../tools/scratch-stack.ts";
import { cacheImage } from "../../tools/setup/tasks/images.ts";
import { eventually } from "../support/cloud.ts";
import { settingsOf } from "../support/settings.ts";

const ROOTFS = `${PROJECT_DIRECTORY}/images/openstack/rootfs/usr/lib/overcloud`;

const STACK = "itest-passage";
const HYPERVISOR = `${STACK}-hypervisor`;
const UNDERCLOUD = `${STACK}-undercloud`;
const COMPUTE = `${STACK}-compute`;
const REAL = `${STACK}-real`;

const settings = settingsOf({
  names: "itest",
  controlPlane: "tripleo",
  computes: 1,
  network: { cidr: "10.120.0.0/24", tunnelCidr: "10.120.1.0/24" },
  libvirt: {
    networks: { external: { cidr: "10.120.2.0/24" } },
    vlans: { InternalApi: { cidr: "10.120.4.0/24" }, Tenant: { cidr: "10.120.5.0/24" } },
  },
});
const passage = planPassage(settings, STACK) ?? assert.fail("no passage");
const router = passage["OVERCLOUD_ROUTER"] ?? "";
const { argv: [, program = ""] = [] } = runPassage("set", passage);

const run = async (...argv: string[]) => {
  const [file = "", ...args] = argv;
  return (await execa(file, args, { stdin: "ignore", cwd: PROJECT_DIRECTORY })).stdout;
};
const within = (namespace: string, ...argv: string[]) =>
  run("ip", "netns", "exec", namespace, ...argv);
/** What a step of the stack runs on the hypervisor. */
const passageDoes = async (verb: string) =>
  (
    await execa("ip", ["netns", "exec", HYPERVISOR, "sh", program, verb], {
      cwd: PROJECT_DIRECTORY,
      env: passage,
      stdin: "ignore",
    })
  ).stdout;
const iptables = (...args: string[]) => within(HYPERVISOR, "iptables", "-w", ...args);
const canPing = async (from: string, to: string, by: string) =>
  !(
    await execa("docker", ["exec", from, "ping", "-c", "1", "-W", "1", "-I", by, to], {
      reject: false,
      stdin: "ignore",
    })
  ).failed;

/** A machine without a network of docker's, which gets its cards from here. */
async function container(name: string, ...options: string[]): Promise<string> {
  await docker(
    ...["run", "--detach", "--name", name, "--network", "none", "--cap-add", "NET_ADMIN"],
    ...["--cap-add", "SYS_NICE", "--device", "/dev/net/tun", "--label", `overcloud.stack=${STACK}`],
    ...["--volume", `${ROOTFS}:/usr/lib/overcloud:ro`, ...options],
    ...["--entrypoint", "/usr/bin/sleep", cacheImage, "infinity"],
  );
  return docker("inspect", "--format", "{{.State.Pid}}", name);
}

/** A wire from a bridge or card of one namespace to a card of another, which a name or a process tells. */
async function wire(from: string, end: string, to: string, card: string): Promise<void> {
  const peer = `peer${Math.floor(Math.random() * 1e6)}`;
  await within(from, "ip", "link", "add", end, "type", "veth", "peer", "name", peer);
  await within(from, "ip", "link", "set", peer, "netns", to);
  await within(from, "ip", "link", "set", end, "up");
  const there = /^\d+$/.test(to)
    ? (...argv: string[]) => run("nsenter", "--net", "--target", to, ...argv)
    : (...argv: string[]) => within(to, ...argv);
  await there("ip", "link", "set", peer, "name", card);
  await there("ip", "link", "set", card, "up");
}

/** Rules as docker has them for a network of its own, and refuses what it does not know. */
async function dockerStarts(): Promise<void> {
  await iptables("-P", "FORWARD", "DROP");
  await iptables("-N", "DOCKER-USER").catch(() => "");
  await iptables("-I", "FORWARD", "-i", "docker", "!", "-o", "docker", "-j", "ACCEPT");
  await iptables("-I", "FORWARD", "-j", "DOCKER-USER");
  const masquerade = ["-s", "10.120.0.0/24", "!", "-o", "docker", "-j", "MASQUERADE"];
  await iptables("-t", "nat", "-I", "POSTROUTING", ...masquerade);
}

/** Rules as libvirt has them for a network behind its translation. */
async function libvirtStarts(): Promise<void> {
  for (const [chain, side] of [
    ["LIBVIRT_FWO", "-i"],
    ["LIBVIRT_FWI", "-o"],
  ] as const) {
    await iptables("-N", chain).catch(() => "");
    await iptables("-A", chain, side, "external", "-j", "REJECT");
    await iptables("-I", "FORWARD", "-j", chain);
  }
}

async function daemonsForget(): Promise<void> {
  await iptables("-F", "FORWARD");
  await iptables("-t", "nat", "-F");
  await iptables("-t", "mangle", "-F");
}

const TUNNEL = "10.120.1.64";
const TENANT = "10.120.5.20";

async function clean(): Promise<void> {
  for (const name of [COMPUTE, REAL, `${STACK}-keeper`]) {
    await docker("rm", "--force", "--volumes", name).catch(() => "");
  }
  for (const namespace of [HYPERVISOR, UNDERCLOUD]) {
    await execa("ip", ["netns", "del", namespace], { reject: false });
  }
}

describe("the passage between computes and an overcloud", { timeout: 180_000 }, () => {
  before(async () => {
    await clean();
    for (const namespace of [HYPERVISOR, UNDERCLOUD]) {
      await run("ip", "netns", "add", namespace);
      await within(namespace, "ip", "link", "set", "lo", "up");
      await within(namespace, "sysctl", "-qw", "net.ipv4.ip_forward=1");
    }
    for (const [bridge, address] of [
      ["docker", "10.120.0.1/24"],
      ["external", "10.120.2.1/24"],
    ] as const) {
      await within(HYPERVISOR, "ip", "link", "add", bridge, "type", "bridge");
      await within(HYPERVISOR, "ip", "address", "add", address, "dev", bridge);
      await within(HYPERVISOR, "ip", "link", "set", bridge, "up");
    }
    await wire(HYPERVISOR, "to-undercloud", UNDERCLOUD, "eth1");
    await within(HYPERVISOR, "ip", "link", "set", "to-undercloud", "master", "external");
    await within(UNDERCLOUD, "ip", "address", "add", `${router}/24`, "dev", "eth1");
    await within(UNDERCLOUD, "ip", "route", "add", "default", "via", "10.120.2.1");

    // As a role of the overcloud has its card on the tenants' network, and no way back but the one that was planned.
    const real = await container(REAL);
    await wire(UNDERCLOUD, "vlan50", real, "vlan50");
    await within(UNDERCLOUD, "ip", "address", "add", "10.120.5.1/24", "dev", "vlan50");
    const inReal = (...argv: string[]) => run("nsenter", "--net", "--target", real, ...argv);
    await inReal("ip", "address", "add", `${TENANT}/24`, "dev", "vlan50");
    await inReal("ip", "route", "add", "10.120.1.0/24", "via", "10.120.5.1");
    await inReal("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=1");

    const compute = await container(
      COMPUTE,
      ...["--sysctl", "net.ipv4.conf.all.arp_ignore=1"],
      ...[
        "--env",
        "OVERCLOUD_COMPUTE_ID=compute",
        "--env",
        `OVERCLOUD_TUNNEL_ADDRESS=${TUNNEL}/24`,
      ],
      ...["--env", "OVERCLOUD_TUNNEL_GATEWAY=10.120.1.1"],
      ...["--env", `OVERCLOUD_TUNNEL_NETWORKS=${passage["OVERCLOUD_FAR_NETWORKS"]}`],
    );
    await wire(HYPERVISOR, "to-compute", compute, "eth0");
    await within(HYPERVISOR, "ip", "link", "set", "to-compute", "master", "docker");
    const inCompute = (...argv: string[]) => run("nsenter", "--net", "--target", compute, ...argv);
    await inCompute("ip", "address", "add", "10.120.0.64/24", "dev", "eth0");
    await inCompute("ip", "route", "add", "default", "via", "10.120.0.1");
    await docker(
      ...["exec", COMPUTE, "sh", "-euc"],
      [
        "mkdir -p /run/openvswitch",
        "ovsdb-tool create /run/openvswitch/conf.db /usr/share/openvswitch/vswitch.ovsschema",
        "ovsdb-server /run/openvswitch/conf.db --remote=punix:/run/openvswitch/db.sock --pidfile --detach",
        "ovs-vswitchd unix:/run/openvswitch/db.sock --pidfile --detach",
        "/usr/lib/overcloud/compute/common/dataplane/run",
      ].join("\n"),
    );
  });
  after(clean);

  const everything = async () => ({
    out: await canPing(COMPUTE, TENANT, TUNNEL),
    back: await canPing(REAL, TUNNEL, TENANT),
    fromDockerNetwork: await canPing(COMPUTE, TENANT, "10.120.0.64"),
    toDockerNetwork: await canPing(REAL, "10.120.0.64", TENANT),
  });
  const open = { out: true, back: true, fromDockerNetwork: true, toDockerNetwork: true };

  for (const [order, starts] of [
    ["libvirt last", [dockerStarts, libvirtStarts]],
    ["docker last", [libvirtStarts, dockerStarts]],
  ] as const) {
    it(`is open both ways although both daemons refuse, ${order}`, async () => {
      for (const start of starts) await start();
      const [said] = (await passageDoes("check")).split("\n");
      assert.equal(said, "this machine has no address 10.120.1.1/24 for the computes' tunnels");
      assert.equal(await canPing(REAL, TUNNEL, TENANT), false);
      await passageDoes("set");
      assert.equal(await passageDoes("check"), "");
      // The real compute has no way to other networks than the tunnels'.
      await run(
        "nsenter",
        "--net",
        "--target",
        await pidOf(REAL),
        "ip",
        "route",
        "replace",
        "default",
        "via",
        "10.120.5.1",
      );
      assert.deepEqual(await everything(), open);
      await passageDoes("remove");
      assert.equal(await canPing(REAL, TUNNEL, TENANT), false);
      await daemonsForget();
    });
  }

  it("is found closed when a daemon starts after it, and opened again without a gap in the rules", async () => {
    await dockerStarts();
    await passageDoes("set");
    await libvirtStarts();
    assert.equal(
      await passageDoes("check"),
      "the rules that let computes and overcloud through are not before all others",
    );
    await passageDoes("set");
    assert.deepEqual(await everything(), open);
    const jumps = (await iptables("-S", "FORWARD"))
      .split("\n")
      .filter((rule) => rule.endsWith(STACK));
    assert.deepEqual(jumps, [
      `-A FORWARD -m comment --comment "overcloud stack ${STACK}" -j OVERCLOUD-${STACK}`,
    ]);
    await passageDoes("set");
    assert.equal(await passageDoes("check"), "");
  });

  it("leaves another stack's rules before its own, and is content", async () => {
    await iptables("-N", "OVERCLOUD-other");
    await iptables("-I", "FORWARD", "-j", "OVERCLOUD-other");
    assert.equal(await passageDoes("check"), "");
    await iptables("-D", "FORWARD", "-j", "OVERCLOUD-other");
    await iptables("-X", "OVERCLOUD-other");
  });

  it("shows tunnels' own addresses, and carries what servers send through them both ways", async () => {
    // The compute's switch has a tunnel to the real one, as ovn-controller or neutron's agent would make it.
    await docker(
      ...["exec", COMPUTE, "sh", "-euc"],
      `ovs-vsctl add-br br-int -- set Bridge br-int datapath_type=netdev -- add-port br-int tunnel \
        -- set Interface tunnel type=vxlan options:remote_ip=${TENANT} options:local_ip=${TUNNEL} options:key=7
      ip address add 10.99.0.1/24 dev br-int && ip link set br-int mtu 1400 up`,
    );
    const real = await pidOf(REAL);
    const inReal = (...argv: string[]) => run("nsenter", "--net", "--target", real, ...argv);
    const vxlan = ["id", "7", "remote", TUNNEL, "local", TENANT, "dstport", "4789"];
    await inReal("ip", "link", "add", "tunnel", "type", "vxlan", ...vxlan);
    await inReal("ip", "address", "add", "10.99.0.2/24", "dev", "tunnel");
    await inReal("ip", "link", "set", "tunnel", "mtu", "1400", "up");
    for (const [from, to, by] of [
      [COMPUTE, "10.99.0.2", "br-int"],
      [REAL, "10.99.0.1", "tunnel"],
    ] as const) {
      await eventually(`${from} reaches ${to}`, 15, () => canPing(from, to, by), Boolean);
    }
  });

  it("is kept open by the container that a stack has for that", async () => {
    await docker(
      ...["run", "--detach", "--name", `${STACK}-keeper`, "--network", "none", "--cap-drop", "ALL"],
      ...["--cap-add", "NET_ADMIN", "--cap-add", "NET_RAW", "--cap-add", "SYS_ADMIN"],
      ...["--volume", `/run/netns/${HYPERVISOR}:/run/hypervisor`],
      ...["--volume", `${ROOTFS}:/usr/lib/overcloud:ro`, "--label", `overcloud.stack=${STACK}`],
      ...Object.entries(passage).flatMap(([name, value]) => ["--env", `${name}=${value}`]),
      ...["--entrypoint", "/usr/bin/nsenter", cacheImage, "--net=/run/hypervisor"],
      ...["/usr/lib/overcloud/bin/passage", "keep"],
    );
    await daemonsForget();
    await within(HYPERVISOR, "ip", "route", "del", "10.120.5.0/24");
    await dockerStarts();
    await libvirtStarts();
    await eventually("the passage", 20, everything, (seen) => Object.values(seen).every(Boolean));
    // What another iptables wrote is what this machine's reads.
    assert.equal(await passageDoes("check"), "");
    await docker("stop", "--time", "5", `${STACK}-keeper`);
    assert.equal(
      await docker("inspect", "--format", "{{.State.ExitCode}}", `${STACK}-keeper`),
      "0",
    );
  });

  it("is removed without a trace, twice", async () => {
    await passageDoes("remove");
    await passageDoes("remove");
    assert.doesNotMatch(await iptables("-S"), /overcloud/i);
    assert.doesNotMatch(await iptables("-t", "mangle", "-S"), /overcloud/);
    assert.equal(await within(HYPERVISOR, "ip", "route", "show", "via", router), "");
    assert.doesNotMatch(await within(HYPERVISOR, "ip", "-4", "address"), /10\.120\.1\.1\//);
  });
});

function pidOf(name: string): Promise<string> {
  return docker("inspect", "--format", "{{.State.Pid}}", name);
}
