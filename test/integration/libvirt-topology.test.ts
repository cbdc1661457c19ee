import assert from "node:assert/strict";
import {
  globSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { execa } from "execa";
import { stringify } from "yaml";
import { bmcFiles, daemonOf, processesOf } from "../../components/bmc/daemon.ts";
import { bmcDirectory } from "../../components/bmc/virtual-bmc.ts";
import type { InventoryGroup } from "../../components/libvirt/access.ts";
import { sshPaths } from "../../components/libvirt/ssh-files.ts";
import { PROJECT_DIRECTORY } from "../../components/project.ts";
import { hasNodeImage, makeNodeImage, nodeImageOf } from "../../tools/node-image.ts";
import { ScratchStack } from "../../tools/scratch-stack.ts";
import { TaskLog } from "../../tools/setup/log.ts";
import { project } from "../../tools/setup/paths.ts";
import { libvirtHas, sweepLibvirt, virsh, expectNoneInLibvirt } from "../support/libvirt.ts";

const NAMES = "itest-topology";
const FIRST_BMC_PORT = 17230;
const BMC_ADDRESS = "10.79.96.254";
const stack = new ScratchStack(NAMES, join(import.meta.dirname, "programs/topology"));
const output = mkdtempSync(join(tmpdir(), "overcloud-topology-"));
const { configFile, keyFile, publicKeyFile } = sshPaths(output);
const bmc = bmcFiles(bmcDirectory(output));

/** The key `libvirt`: small emulated nodes, in networks that nothing else uses. */
async function libvirt(computes: number): Promise<string> {
  const { disk, kernel, initrd, cmdline } = await nodeImageOf(project);
  const size = { vcpus: 2, memoryMb: 512, diskGb: 2 };
  const quarter = (place: number) => ({ cidr: `10.79.98.${64 * place}/26` });
  return JSON.stringify({
    domainType: "qemu",
    image: { source: disk, kernel, initrd, cmdline },
    nodes: {
      undercloud: size,
      controller: { ...size, count: 1 },
      compute: { ...size, count: computes },
    },
    networks: {
      provisioning: { cidr: "10.79.96.0/24" },
      external: { cidr: "10.79.97.0/24", dhcp: { start: "10.79.97.100", end: "10.79.97.120" } },
    },
    vlans: {
      External: quarter(0),
      InternalApi: quarter(1),
      Storage: quarter(2),
      StorageMgmt: quarter(3),
      Tenant: { cidr: "10.79.99.0/26" },
    },
  });
}

const set = (key: string, value: string) =>
  stack.pulumi("config", "set", key, value, "--stack", stack.name);

async function ssh(node: string, command: string): Promise<string> {
  const { stdout } = await execa("ssh", ["-F", configFile, node, command], {
    stdin: "ignore",
    timeout: 120_000,
  });
  return stdout.trim();
}

/** What a node's BMC says; its password is in the daemon's files alone. */
async function ipmi(node: string, port: number, ...args: string[]): Promise<string> {
  const config = readFileSync(join(bmc.nodes, `${NAMES}-${node}`, "config"), "utf8");
  const password = /^password = (.*)$/m.exec(config)?.[1] ?? "";
  return ipmiWith(password, port, ...args);
}

async function ipmiWith(password: string, port: number, ...args: string[]): Promise<string> {
  const to = ["-I", "lanplus", "-H", BMC_ADDRESS, "-p", String(port), "-U", "admin", "-E"];
  const result = await execa("ipmitool", [...to, ...args], {
    env: { IPMI_PASSWORD: password },
    stdin: "ignore",
    timeout: 60_000,
  });
  return result.stdout.trim();
}

const stateOf = async (node: string) => (await virsh("domstate", `${NAMES}-${node}`)).trim();

const idsOf = async (...nodes: string[]) =>
  Promise.all(nodes.map((node) => virsh("domuuid", `${NAMES}-${node}`)));

describe("nodes on libvirt", { timeout: 30 * 60_000 }, () => {
  before(async () => {
    if (!(await hasNodeImage(project))) {
      await makeNodeImage(project, new TaskLog(project.logs, "node-image"));
    }
    await sweepLibvirt(NAMES);
    await stack.pulumi("stack", "init", stack.name);
    await set("names", NAMES);
    await set("outputDirectory", output);
    await set("firstBmcPort", String(FIRST_BMC_PORT));
    await set("libvirt", await libvirt(1));
  });

  after(async () => {
    await stack.remove();
    for (const pid of processesOf(bmc)) process.kill(pid, "SIGKILL");
    await sweepLibvirt(NAMES);
    rmSync(output, { recursive: true, force: true });
  });

  it("boot, and take the stack's key at the addresses that were reserved for them", async () => {
    await stack.up();
    assert.deepEqual(await libvirtHas(NAMES), {
      domains: [`${NAMES}-compute-0`, `${NAMES}-undercloud-0`],
      networks: [`${NAMES}-external`, `${NAMES}-provisioning`],
      pools: [NAMES],
    });
    const undercloud = await ssh(
      "undercloud-0",
      "hostname; id -un; sudo -n id -un; ip -br -4 addr",
    );
    assert.match(undercloud, /^undercloud-0\ncloud-user\nroot\n/);
    assert.match(undercloud, /^eth1 +UP +10\.79\.97\.100\/24/m);
    // The provisioning network's card has no address: the undercloud's installation gives it one.
    assert.doesNotMatch(undercloud, /^eth0/m);
    const compute = await ssh("compute-0", "hostname; id -un; ip -br -4 addr");
    assert.match(compute, /^compute-0\nroot\n/);
    assert.match(compute, /^eth1 +UP +10\.79\.97\.104\/24/m);
  });

  it("have their disks' size, a console, and the emulation that was asked for", async () => {
    assert.match(await ssh("compute-0", "df -BM --output=size /"), /\n +(19|20)\d\dM/);
    const xml = await virsh("dumpxml", `${NAMES}-compute-0`);
    assert.match(xml, /<domain type='qemu'/);
    assert.match(xml, /<console type='pty'/);
    assert.doesNotMatch(xml, /<graphics/);
  });

  it("are reached by what the inventory says of them too", async () => {
    const { inventory } = JSON.parse(
      await stack.pulumi("stack", "output", "--json", "--stack", stack.name),
    ) as { inventory: Record<string, InventoryGroup> };
    const host = inventory["computes"]?.hosts?.["compute-0"];
    assert.ok(host);
    const { stdout } = await execa(
      "ssh",
      [
        ...String(host["ansible_ssh_common_args"]).split(" "),
        ...["-i", String(host["ansible_ssh_private_key_file"])],
        `${host["ansible_user"]}@${host["ansible_host"]}`,
        "hostname",
      ],
      { stdin: "ignore", timeout: 120_000 },
    );
    assert.equal(stdout, "compute-0");
  });

  it("answer ansible by that inventory, which has nothing to warn of", async () => {
    const { inventory } = JSON.parse(
      await stack.pulumi("stack", "output", "--json", "--stack", stack.name),
    ) as { inventory: Record<string, InventoryGroup> };
    const file = join(output, "nodes.yml");
    writeFileSync(file, stringify({ all: { children: inventory } }));
    const { stdout, stderr } = await execa(
      join(PROJECT_DIRECTORY, ".toolchain/ansible/bin/ansible"),
      ["all", "--inventory", file, "-m", "ping", "-o"],
      { stdin: "ignore", timeout: 300_000, env: { LC_ALL: "C.UTF-8" } },
    );
    const answered = [...stdout.matchAll(/^(\S+) \| SUCCESS/gm)].map(([, host]) => host);
    assert.deepEqual(answered.sort(), ["compute-0", "localhost", "undercloud-0"]);
    assert.equal(stderr, "");
  });

  it("have a key that OpenSSH reads, for its owner's eyes only", async () => {
    for (const file of [keyFile, configFile, publicKeyFile]) {
      assert.equal(statSync(file).mode & 0o777, 0o600, file);
    }
    const { stdout } = await execa("ssh-keygen", ["-y", "-f", keyFile], { stdin: "ignore" });
    assert.equal(stdout.trim(), readFileSync(publicKeyFile, "utf8").trim());
  });

  it("have disks that nobody else on the hypervisor reads", () => {
    const volumes = globSync(`/var/lib/libvirt/images/${NAMES}/${NAMES}-*-0*`);
    // Disk and cloud-init of each of the two.
    assert.equal(volumes.length, 4, volumes.join());
    for (const file of volumes) assert.equal(statSync(file).mode & 0o777, 0o600, file);
  });

  it("are not touched by a second `up`", () => stack.expectNoChanges());

  it("are switched off and on by their BMCs, with the right password only", async () => {
    const port = FIRST_BMC_PORT + 3;
    assert.equal(
      await ipmi("compute-0", port, "chassis", "power", "status"),
      "Chassis Power is on",
    );
    await assert.rejects(ipmiWith("wrong", port, "-R", "1", "chassis", "power", "off"));
    assert.equal(await stateOf("compute-0"), "running");
    await ipmi("compute-0", port, "chassis", "power", "off");
    assert.equal(await stateOf("compute-0"), "shut off");
    // Power is the bare metal service's affair.
    await stack.expectNoChanges();
    await ipmi("compute-0", port, "chassis", "power", "on");
    assert.equal(await stateOf("compute-0"), "running");
    await ipmi("compute-0", port, "chassis", "power", "off");
  });

  it("get their BMCs back by the next `up` when the daemon died", async () => {
    const pid = daemonOf(bmc);
    assert.ok(pid !== undefined);
    process.kill(pid, "SIGKILL");
    const changes = await stack.changes();
    assert.deepEqual(changes.map(({ op, urn }) => `${op} ${urn.split("::").at(-1)}`).sort(), [
      "update compute-0-bmc",
      "update ssh-files",
      "update virtual-bmc-daemon",
    ]);
    await stack.up();
    const status = await ipmi("compute-0", FIRST_BMC_PORT + 3, "chassis", "power", "status");
    assert.equal(status, "Chassis Power is off");
    await stack.expectNoChanges();
  });

  it("stay as they are when a role grows", async () => {
    const ids = await idsOf("undercloud-0", "compute-0");
    await set("libvirt", await libvirt(2));
    for (const { op, urn } of await stack.changes()) {
      const name = urn.split("::").at(-1) ?? "";
      // The ssh configuration names the new one.
      if (name === "ssh-files") assert.equal(op, "update");
      else assert.ok(op === "create" && name.includes("compute-1"), `${op} ${name}`);
    }
    await stack.up();
    assert.equal(await ssh("compute-1", "hostname"), "compute-1");
    assert.deepEqual(await idsOf("undercloud-0", "compute-0"), ids);
    assert.equal(await stateOf("compute-0"), "shut off");
    const status = await ipmi("compute-1", FIRST_BMC_PORT + 4, "chassis", "power", "status");
    assert.equal(status, "Chassis Power is on");
  });

  it("go one by one", async () => {
    await set("libvirt", await libvirt(1));
    await stack.up();
    assert.deepEqual((await libvirtHas(NAMES)).domains, [
      `${NAMES}-compute-0`,
      `${NAMES}-undercloud-0`,
    ]);
    await assert.rejects(ipmiWith("any", FIRST_BMC_PORT + 4, "-R", "1", "chassis", "status"));
    const status = await ipmi("compute-0", FIRST_BMC_PORT + 3, "chassis", "power", "status");
    assert.equal(status, "Chassis Power is off");
  });

  it("leave nothing behind", async () => {
    await stack.destroy();
    await expectNoneInLibvirt(NAMES);
    assert.deepEqual(processesOf(bmc), []);
    for (const path of [
      bmcDirectory(output),
      sshPaths(output).directory,
      `/var/lib/libvirt/images/${NAMES}`,
    ]) {
      assert.ok(!existsSync(path), path);
    }
  });
});
