import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { execa } from "execa";
import fc from "fast-check";
import { parse } from "yaml";
import {
  deployedUsers,
  firstUsers,
  nodesInventory,
  sshConfig,
} from "../../../components/libvirt/access.ts";
import { cloudInitOf } from "../../../components/libvirt/cloud-init.ts";
import { planTopology } from "../../../components/libvirt/plan.ts";
import {
  DOMAIN_STYLESHEET,
  PRIVATE_VOLUME_STYLESHEET,
  keptNodeStylesheet,
  kernelArguments,
  networkStylesheet,
} from "../../../components/libvirt/stylesheets.ts";
import { libvirtSchema } from "../../../config/libvirt.ts";

async function withFile<T>(text: string, work: (file: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "overcloud-document-"));
  try {
    const file = join(folder, "document");
    writeFileSync(file, text);
    return await work(file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const settings = libvirtSchema.parse({ nodes: { controller: { count: 1 } } });
const plan = planTopology(settings, "lab", "lab");
const access = { users: firstUsers("cloud-user"), keyFile: "/out/ssh/id_ed25519" };

describe("the ssh configuration", () => {
  it("says of each node what ssh then uses", async () => {
    const config = sshConfig(plan, access);
    const asked = (host: string) =>
      withFile(config, async (file) => {
        const { stdout } = await execa("ssh", ["-G", "-F", file, host], { stdin: "ignore" });
        return new Map(stdout.split("\n").map((line) => [line.split(" ")[0], line] as const));
      });
    const undercloud = await asked("undercloud-0");
    assert.equal(undercloud.get("hostname"), "hostname 192.168.22.10");
    assert.equal(undercloud.get("user"), "user cloud-user");
    assert.equal(undercloud.get("identityfile"), "identityfile /out/ssh/id_ed25519");
    assert.equal(undercloud.get("identitiesonly"), "identitiesonly yes");
    assert.equal(undercloud.get("batchmode"), "batchmode yes");
    const compute = await asked("compute-0");
    assert.equal(compute.get("hostname"), "hostname 192.168.22.14");
    assert.equal(compute.get("user"), "user root");
  });

  it("names a key whose folder has spaces and percent signs", async () => {
    const config = sshConfig(plan, { ...access, keyFile: "/the out/100%h/id" });
    await withFile(config, async (file) => {
      const { stdout } = await execa("ssh", ["-G", "-F", file, "undercloud-0"]);
      // As it was given: what is put in is only put in when the file is read.
      assert.match(stdout, /^identityfile \/the out\/100%%h\/id$/m);
    });
  });
});

describe("the inventory's groups", () => {
  it("hold every node once, with what ansible needs to reach it", () => {
    const { hypervisor, undercloud, controllers, computes, overcloud_nodes } = nodesInventory(
      plan,
      {
        ...access,
        users: deployedUsers("stack", "heat-admin"),
      },
    );
    assert.equal(hypervisor?.hosts?.["localhost"]?.["ansible_connection"], "local");
    assert.equal(controllers?.hosts?.["controller-0"]?.["ansible_user"], "heat-admin");
    assert.deepEqual(overcloud_nodes, { children: { controllers: {}, computes: {} } });
    assert.deepEqual(Object.keys(controllers?.hosts ?? {}), ["controller-0"]);
    assert.deepEqual(Object.keys(computes?.hosts ?? {}), ["compute-0"]);
    const { ansible_ssh_common_args, ...rest } = undercloud?.hosts?.["undercloud-0"] ?? {};
    assert.match(String(ansible_ssh_common_args), /-o UserKnownHostsFile=\/dev\/null/);
    assert.deepEqual(rest, {
      ansible_host: "192.168.22.10",
      ansible_user: "stack",
      ansible_ssh_private_key_file: "/out/ssh/id_ed25519",
      ansible_python_interpreter: "auto_silent",
      domain: "lab-undercloud-0",
      provisioning_mac: plan.nodes[0]?.provisioning.mac,
    });
  });
});

describe("a node's cloud-init data", () => {
  const [node] = plan.nodes;
  assert.ok(node);
  const logIn = { user: "cloud-user", publicKey: "ssh-ed25519 AAAA" };

  it("opens the user's account and root's to the key, and to nothing else", () => {
    const { "user-data": userData = "" } = cloudInitOf(node, logIn).documents;
    assert.ok(userData.startsWith("#cloud-config\n"));
    const { users, disable_root, ssh_pwauth } = parse(userData) as {
      users: Record<string, unknown>[];
      disable_root: boolean;
      ssh_pwauth: boolean;
    };
    assert.deepEqual(
      users.map((user) => [user["name"], user["ssh_authorized_keys"]]),
      [
        ["cloud-user", ["ssh-ed25519 AAAA"]],
        ["root", ["ssh-ed25519 AAAA"]],
      ],
    );
    assert.equal(users[0]?.["lock_passwd"], true);
    assert.deepEqual([disable_root, ssh_pwauth], [false, false]);
  });

  it("names network cards by their MACs, in the order that installations count on", () => {
    const { ethernets } = parse(cloudInitOf(node, logIn).documents["network-config"] ?? "") as {
      ethernets: Record<string, unknown>;
    };
    assert.deepEqual(ethernets, {
      eth0: {
        match: { macaddress: node.provisioning.mac },
        "set-name": "eth0",
        dhcp4: false,
        optional: true,
      },
      eth1: { match: { macaddress: node.external.mac }, "set-name": "eth1", dhcp4: true },
    });
  });

  it("is another instance's when anything of it changes, and only then", () => {
    const instance = (change: object) => {
      const { documents, digest } = cloudInitOf(node, { ...logIn, ...change });
      const { "instance-id": id } = parse(documents["meta-data"] ?? "") as Record<string, string>;
      assert.equal(id, `lab-undercloud-0-${digest}`);
      return id;
    };
    assert.equal(instance({}), instance({}));
    assert.notEqual(instance({}), instance({ publicKey: "ssh-ed25519 BBBB" }));
    assert.notEqual(instance({}), instance({ user: "centos" }));
  });
});

/** Applies a stylesheet as the provider does. */
const transform = (stylesheet: string, xml: string) =>
  withFile(
    stylesheet,
    async (file) => (await execa("xsltproc", ["--nonet", file, "-"], { input: xml })).stdout,
  );

describe("a network's stylesheet", () => {
  const xml = (dhcp: string) =>
    `<network><name>n</name><bridge name="b" stp="on"/><ip address="10.0.0.1" family="ipv4" prefix="24">${dhcp}</ip></network>`;

  it("sets the hypervisor's address", async () => {
    const text = await transform(networkStylesheet(plan.networks.provisioning), xml(""));
    assert.match(text, /<ip address="192\.168\.24\.254" family="ipv4" prefix="24"\/>/);
    assert.match(text, /stp="off"/);
    assert.doesNotMatch(text, /dhcp/);
  });

  it("sets range and reservations in place of the provider's range", async () => {
    const guess = '<dhcp><range start="10.0.0.2" end="10.0.0.254"/></dhcp>';
    const text = await transform(networkStylesheet(plan.networks.external), xml(guess));
    assert.match(text, /<range start="192\.168\.22\.10" end="192\.168\.22\.50"\/>/);
    assert.equal([...text.matchAll(/<range /g)].length, 1);
    assert.equal([...text.matchAll(/<host /g)].length, 41);
    const mac = plan.nodes[0]?.external.mac;
    assert.ok(text.includes(`<host mac="${mac}" name="undercloud-0" ip="192.168.22.10"/>`));
  });
});

describe("a domain's stylesheet", () => {
  it("takes the display away and sets the cache of disks alone", async () => {
    const text = await transform(
      DOMAIN_STYLESHEET,
      `<domain><devices><disk type="volume" device="disk"><driver name="qemu" type="qcow2"/></disk><disk device="cdrom"><driver name="qemu" type="raw"/></disk><graphics type="spice"/></devices></domain>`,
    );
    assert.match(text, /device="disk"><driver name="qemu" type="qcow2" cache="unsafe"\/>/);
    assert.match(text, /device="cdrom"><driver name="qemu" type="raw"\/>/);
    assert.doesNotMatch(text, /graphics/);
  });
});

describe("the stylesheet of a node with data", () => {
  it("flushes the data's disk and keeps the console in a file, whatever its name", async () => {
    const text = await transform(
      keptNodeStylesheet('/out/a {b} & "c"/console.log'),
      `<domain><devices><disk device="disk"><driver name="qemu"/><target dev="vda"/></disk><disk device="disk"><driver name="qemu"/><target dev="vdb"/></disk><graphics type="spice"/><console type="pty"><target type="serial" port="0"/></console></devices></domain>`,
    );
    assert.match(text, /<driver name="qemu" cache="unsafe"\/><target dev="vda"\/>/);
    assert.match(text, /<driver name="qemu"\/><target dev="vdb"\/>/);
    assert.doesNotMatch(text, /graphics/);
    assert.match(
      text,
      /<target type="serial" port="0"\/><log file="\/out\/a \{b\} &amp; &quot;c&quot;\/console\.log" append="on"\/><\/console>/,
    );
  });
});

describe("the stylesheet of a node's volumes", () => {
  it("lets nobody else read them, and changes nothing else", async () => {
    const volume = (mode: string) =>
      `<volume><name>disk</name><target><format type="qcow2"/><permissions><mode>${mode}</mode></permissions></target></volume>`;
    const text = await transform(PRIVATE_VOLUME_STYLESHEET, volume("644"));
    assert.equal(text.trim(), volume("0600"));
  });
});

describe("a kernel's arguments", () => {
  for (const [cmdline, expected] of [
    ["", []],
    ["quiet", [{ _: "quiet" }]],
    [
      "root=/dev/vda rw console=ttyS0 quiet",
      [{ console: "ttyS0", root: "/dev/vda" }, { _: "rw quiet" }],
    ],
    ["console=tty0 console=ttyS0 a=b=c", [{ a: "b=c", console: "tty0" }, { console: "ttyS0" }]],
  ] as const) {
    it(`are grouped as they are read back: ${JSON.stringify(cmdline)}`, () => {
      assert.deepEqual(kernelArguments(cmdline), expected);
    });
  }

  it("are all there", () => {
    const word = fc.stringMatching(/^[a-z]{1,3}(=[a-z0-9/=]{0,4})?$/);
    fc.assert(
      fc.property(fc.array(word), (words) => {
        const back = kernelArguments(words.join(" ")).flatMap((group) =>
          Object.entries(group).flatMap(([key, value]) =>
            key === "_" ? value.split(" ") : [`${key}=${value}`],
          ),
        );
        assert.deepEqual(back.sort(), [...words].sort());
      }),
    );
  });
});
