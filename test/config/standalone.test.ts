import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { livingLabels, type HostFacts } from "../../config/host.ts";
import { parseSettings } from "../../config/parse.ts";
import { SettingsError } from "../../config/problems.ts";
import { ROOMY, settingsOf } from "../support/settings.ts";

type Raw = Record<string, unknown>;

const NODE = { standalone: { placement: "node" } };

const parse = (raw: Raw, host: Partial<HostFacts> = {}) =>
  parseSettings({ names: "lab", ...raw }, () => Promise.resolve({ ...ROOMY, ...host }));

async function problemsOf(raw: Raw, host: Partial<HostFacts> = {}) {
  const error = await parse(raw, host).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error === undefined) return [];
  assert.ok(error instanceof SettingsError, "not a SettingsError");
  return error.problems.map(({ key, message }) => `${key} ${message}`);
}

const one = async (raw: Raw, host: Partial<HostFacts> = {}) => {
  const problems = await problemsOf(raw, host);
  assert.equal(problems.length, 1, problems.join("\n"));
  return problems[0] ?? "";
};

describe("the settings of a standalone control plane", () => {
  it("are taken for either placement, with bare metal or without", async () => {
    for (const raw of [{}, NODE, { baremetal: 100 }, { ...NODE, baremetal: 1, tls: true }]) {
      assert.deepEqual(await problemsOf(raw), []);
    }
  });

  for (const [what, key, raw] of [
    ["another placement", "standalone.placement", { standalone: { placement: "vm" } }],
    ["a tiny node", "standalone.node.memoryMb", { standalone: { node: { memoryMb: 1024 } } }],
    ["a node without data", "standalone.node.dataGb", { standalone: { node: { dataGb: 0 } } }],
    ["a word for TLS", "tls", { tls: "yes" }],
    ["101 machines", "baremetal", { baremetal: 101 }],
    ["a confirmation of nothing", "confirm.movePlacement", { confirm: { movePlacement: "yes" } }],
  ] as [string, string, Raw][]) {
    it(`refuse ${what}`, async () => assert.ok((await one(raw)).startsWith(`${key} `)));
  }

  it("look at libvirt's networks only where machines are on them", async () => {
    const external = { network: { cidr: "192.168.16.0/20" } };
    assert.deepEqual(await problemsOf(external), []);
    assert.match(await one({ ...external, ...NODE }), /^network\.cidr overlaps .*external/);
    assert.match(
      await one({ ...external, baremetal: 1 }),
      /^network\.cidr overlaps .*provisioning/,
    );
    const same = { libvirt: { networks: { provisioning: { cidr: "192.168.22.0/24" } } } };
    assert.deepEqual(await problemsOf({ ...same, baremetal: 1 }), []);
    assert.match(await one({ ...same, ...NODE, baremetal: 1 }), /external\.cidr overlaps/);
  });

  it("need no image and no rule of a TripleO stack's", async () => {
    const vlans = { Tenant: { vlan: 10, cidr: "10.79.0.0/24" } };
    assert.deepEqual(await problemsOf({ ...NODE, libvirt: { vlans } }), []);
  });

  it("need room for every machine on its network", async () => {
    const networks = { provisioning: { cidr: "192.168.24.0/29" } };
    assert.deepEqual(await problemsOf({ libvirt: { networks }, baremetal: 5 }), []);
    assert.match(await one({ libvirt: { networks }, baremetal: 6 }), /need 7 addresses, it has 6$/);
    const external = { cidr: "192.168.22.0/29" };
    assert.match(
      await one({ ...NODE, libvirt: { networks: { external } } }),
      /^libvirt\.networks\.external\.cidr is too small/,
    );
    const dhcp = { start: "192.168.22.20", end: "192.168.22.22" };
    assert.match(
      await one({ ...NODE, libvirt: { networks: { external: { dhcp } } } }),
      /^libvirt\.networks\.external\.dhcp is too small.* has 3$/,
    );
  });

  it("are for the libvirt of this machine", async () => {
    const libvirt = { uri: "qemu+ssh://root@elsewhere/system" };
    assert.deepEqual(await problemsOf({ libvirt }), []);
    assert.match(await one({ libvirt, ...NODE }), /^libvirt\.uri must be this machine's/);
  });

  it("refuse bare metal beside an overcloud", async () => {
    const problems = await problemsOf({ controlPlane: "tripleo", baremetal: 1 });
    assert.ok(problems.some((each) => each.startsWith("baremetal is for controlPlane standalone")));
  });

  it("refuse TLS of ours for an overcloud's APIs", async () => {
    const problems = await problemsOf({ controlPlane: "tripleo", tls: true });
    assert.ok(problems.some((each) => each.startsWith("tls is for controlPlane standalone")));
  });
});

describe("settings and the machine", () => {
  it("fit its memory with the node and bare metal in place of containers", async () => {
    const raw = { ...NODE, computes: 2, baremetal: 2 };
    assert.deepEqual(await problemsOf(raw, { memoryMb: 4096 + 2 * 1024 + 1024 + 2 * 160 }), []);
    assert.match(
      await one(raw, { memoryMb: 7000 }),
      /needs about 7488 MiB of memory \(7168 for the control plane and its machines and 160 for/,
    );
  });

  it("have no use for loopback ports on a node", async () => {
    assert.match(await one({}, { portsInUse: [5000] }), /^ports\.keystone is in use/);
    assert.deepEqual(await problemsOf(NODE, { portsInUse: [5000] }), []);
  });

  it("keep libvirt's networks apart from the machine's, but for the stack's own bridges", async () => {
    const routes = [{ cidr: "192.168.22.0/24", device: "virbr7" }];
    assert.match(await one(NODE, { routes }), /^libvirt\.networks\.external\.cidr overlaps this/);
    assert.deepEqual(await problemsOf({ baremetal: 1 }, { routes }), []);
    const own = [{ cidr: "192.168.22.0/24", device: "lab-ext" }];
    assert.deepEqual(await problemsOf(NODE, { routes: own }), []);
  });
});

describe("a deployed control plane", () => {
  const living = (raw: Raw = {}) => ({
    name: "lab",
    ...livingLabels(settingsOf({ names: "lab", ...raw })),
  });

  it("has no label of its placement in containers, as those that knew no other", () => {
    assert.ok(!("placement" in living()));
    assert.equal(living(NODE).placement, "node");
  });

  for (const [from, to] of [
    [{}, NODE],
    [NODE, {}],
  ] as [Raw, Raw][]) {
    const target = "standalone" in to ? "node" : "containers";
    it(`moves to ${target} only if that is confirmed`, async () => {
      assert.deepEqual(await problemsOf(from, { living: living(from) }), []);
      assert.match(
        await one(to, { living: living(from) }),
        new RegExp(
          `^standalone\\.placement can't be changed .* confirm\\.movePlacement to ${target}`,
        ),
      );
      const other = target === "node" ? "containers" : "node";
      assert.equal(
        (await problemsOf({ ...to, confirm: { movePlacement: other } }, { living: living(from) }))
          .length,
        1,
      );
      assert.deepEqual(
        await problemsOf({ ...to, confirm: { movePlacement: target } }, { living: living(from) }),
        [],
      );
    });
  }

  it("keeps its data's size, pool and network on a node", async () => {
    const problems = await problemsOf(
      {
        standalone: { placement: "node", node: { dataGb: 20 } },
        libvirt: { pool: "/disks", networks: { external: { cidr: "192.168.30.0/24" } } },
      },
      { living: living(NODE) },
    );
    assert.deepEqual(problems.map((each) => each.split(" ")[0]).sort(), [
      "libvirt.networks.external.cidr",
      "libvirt.pool",
      "standalone.node.dataGb",
    ]);
    const larger = { standalone: { placement: "node", node: { vcpus: 4, memoryMb: 8192 } } };
    assert.deepEqual(await problemsOf(larger, { living: living(NODE) }), []);
  });
});
