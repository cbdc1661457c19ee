import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  checkLibvirt,
  checkLibvirtHost,
  libvirtSchema,
  nodesMemoryMb,
  type LibvirtSettings,
} from "../../config/libvirt.ts";

const IMAGE = { source: "/images/centos.qcow2" };

const settingsOf = (raw: Record<string, unknown> = {}): LibvirtSettings =>
  libvirtSchema.parse({ image: IMAGE, ...raw });

const problemsOf = (raw: Record<string, unknown>, names = "lab") =>
  checkLibvirt(settingsOf(raw), names).map(({ key, message }) => `${key} ${message}`);

describe("the settings of the libvirt topology", () => {
  it("are those of the reference where nothing is set", () => {
    const { nodes, networks, vlans, user, uri, domainType, protect } =
      libvirtSchema.parse(undefined);
    assert.deepEqual(nodes, {
      undercloud: { vcpus: 2, memoryMb: 16384, diskGb: 50 },
      controller: { count: 3, vcpus: 2, memoryMb: 16384, diskGb: 40 },
      compute: { count: 1, vcpus: 1, memoryMb: 6144, diskGb: 30 },
      baremetal: { vcpus: 1, memoryMb: 1024, diskGb: 10 },
    });
    assert.deepEqual(networks, {
      provisioning: { cidr: "192.168.24.0/24" },
      external: { cidr: "192.168.22.0/24" },
    });
    assert.deepEqual(
      Object.entries(vlans).map(([name, { vlan, cidr }]) => `${name} ${vlan} ${cidr}`),
      [
        "External 10 10.0.10.0/24",
        "InternalApi 20 10.0.20.0/24",
        "Storage 30 10.0.30.0/24",
        "StorageMgmt 40 10.0.40.0/24",
        "Tenant 50 10.0.50.0/24",
      ],
    );
    assert.deepEqual(
      { user, uri, domainType, protect },
      { user: "cloud-user", uri: "qemu:///system", domainType: "auto", protect: false },
    );
    assert.deepEqual(problemsOf({}), []);
  });

  for (const [what, raw] of Object.entries({
    "two controllers": { nodes: { controller: { count: 2 } } },
    "a fraction of a compute": { nodes: { compute: { count: 1.5 } } },
    "an undercloud's count": { nodes: { undercloud: { count: 1 } } },
    "a relative pool": { pool: "images" },
    "a path with a quote": { pool: "/tmp/'" },
    "an image over plain http": { image: { source: "http://example.org/image" } },
    "a checksum that is none": { image: { ...IMAGE, sha256: "abc" } },
    "a network with host bits": { networks: { external: { cidr: "192.168.22.1/24" } } },
    "a network nobody knows": { vlans: { Management: { vlan: 60 } } },
    "VLAN 0": { vlans: { Tenant: { vlan: 0 } } },
    "a user with a space": { user: "cloud user" },
    "another domain type": { domainType: "xen" },
  })) {
    it(`refuse ${what}`, () => {
      assert.equal(libvirtSchema.safeParse({ image: IMAGE, ...raw }).success, false);
    });
  }

  for (const [what, raw, pattern] of [
    ["no image", { image: {} }, /^libvirt\.image\.source is missing/],
    [
      "an image from a URL without a checksum",
      { image: { source: "https://example.org/image" } },
      /^libvirt\.image\.sha256 is missing/,
    ],
    [
      "an initial RAM disk without a kernel",
      { image: { ...IMAGE, initrd: "/boot/initrd" } },
      /^libvirt\.image\.kernel is missing/,
    ],
    [
      "networks that overlap",
      { vlans: { Tenant: { cidr: "192.168.22.0/24" } } },
      /^libvirt\.vlans\.Tenant\.cidr overlaps libvirt\.networks\.external\.cidr/,
    ],
    [
      "a provisioning network without room",
      { networks: { provisioning: { cidr: "192.168.24.0/28" } } },
      /^libvirt\.networks\.provisioning\.cidr is too small: 4 nodes.* need 18 addresses, it has 14/,
    ],
    [
      "a VLAN's network without room",
      { vlans: { Tenant: { cidr: "10.0.50.0/28" } } },
      /^libvirt\.vlans\.Tenant\.cidr is too small: 4 nodes.* need 19 addresses, it has 14/,
    ],
    [
      "an external network that ends before its range",
      { networks: { external: { cidr: "192.168.22.0/27" } } },
      /^libvirt\.networks\.external\.cidr is too small: nodes get its 10th to 50th/,
    ],
    [
      "a range outside its network",
      { networks: { external: { dhcp: { start: "192.168.23.10", end: "192.168.23.50" } } } },
      /^libvirt\.networks\.external\.dhcp must be a range within 192\.168\.22\.0\/24/,
    ],
    [
      "a range that takes the hypervisor's address",
      { networks: { external: { dhcp: { start: "192.168.22.1", end: "192.168.22.50" } } } },
      /^libvirt\.networks\.external\.dhcp must be a range/,
    ],
    [
      "a range that ends before it starts",
      { networks: { external: { dhcp: { start: "192.168.22.50", end: "192.168.22.10" } } } },
      /^libvirt\.networks\.external\.dhcp must be a range/,
    ],
    [
      "more computes than addresses",
      { nodes: { compute: { count: 38 } } },
      /^libvirt\.nodes\.compute\.count needs 42 addresses .* has 41/,
    ],
    [
      "one VLAN twice",
      { vlans: { Tenant: { vlan: 10 } } },
      /^libvirt\.vlans\.Tenant\.vlan is also the VLAN of External/,
    ],
  ] as const) {
    it(`have rules against ${what}`, () => {
      const [problem = "", ...more] = problemsOf(raw);
      assert.match(problem, pattern);
      assert.deepEqual(more, []);
    });
  }

  it("allow as many computes as there are addresses, and none", () => {
    for (const count of [0, 37])
      assert.deepEqual(problemsOf({ nodes: { compute: { count } } }), []);
  });

  it("have a rule against names that dnsmasq would drop", () => {
    assert.deepEqual(problemsOf({}, "a".repeat(40)), []);
    assert.match(problemsOf({}, "a".repeat(52))[0] ?? "", /^names is too long/);
  });
});

describe("the settings of the libvirt topology on a machine", () => {
  const host = { memoryMb: 128 * 1024, routes: [{ cidr: "172.17.0.0/16", device: "docker0" }] };

  it("have no problem where there is room", () => {
    assert.deepEqual(checkLibvirtHost(settingsOf(), host, []), []);
  });

  it("must not hide what the machine reaches, but the stack's own networks", () => {
    const routes = [{ cidr: "192.168.24.0/25", device: "br0" }];
    const [problem, ...more] = checkLibvirtHost(settingsOf(), { ...host, routes }, []);
    assert.equal(problem?.key, "libvirt.networks.provisioning.cidr");
    assert.match(problem.message, /route to 192\.168\.24\.0\/25 \(br0\)/);
    assert.deepEqual(more, []);
    assert.deepEqual(checkLibvirtHost(settingsOf(), { ...host, routes }, ["br0"]), []);
  });

  it("must fit in its memory", () => {
    const needed = 16384 + 3 * 16384 + 6144;
    assert.equal(nodesMemoryMb(settingsOf()), needed);
    assert.deepEqual(checkLibvirtHost(settingsOf(), { ...host, memoryMb: needed + 1024 }, []), []);
    const [problem] = checkLibvirtHost(settingsOf(), { ...host, memoryMb: needed + 1023 }, []);
    assert.equal(problem?.key, "libvirt.nodes");
    assert.match(problem.message, /need 72704 MiB .* this machine has 72703/);
  });
});
