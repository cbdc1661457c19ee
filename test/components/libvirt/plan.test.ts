import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  bridgesOf,
  planMachines,
  planTopology,
  poolPath,
} from "../../../components/libvirt/plan.ts";
import { rangeOf, addressNumber } from "../../../config/addresses.ts";
import { checkLibvirt, libvirtSchema } from "../../../config/libvirt.ts";

const settingsOf = (raw: Record<string, unknown> = {}) =>
  libvirtSchema.parse({ image: { source: "/image" }, ...raw });

const planOf = (raw: Record<string, unknown> = {}, names = "lab", stack = "lab") =>
  planTopology(settingsOf(raw), names, stack);

const counts = (controllers: number, computes: number) => ({
  nodes: { controller: { count: controllers }, compute: { count: computes } },
});

const size = fc.record({
  controllers: fc.constantFrom(1, 3),
  computes: fc.integer({ min: 0, max: 37 }),
});

const name = fc.stringMatching(/^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$/);

describe("the plan of the libvirt topology", () => {
  it("puts nodes where the reference has them", () => {
    assert.deepEqual(
      planOf().nodes.map(({ name, domainName, external, provisioning }) =>
        [name, domainName, external.address, provisioning.address ?? "-"].join(" "),
      ),
      [
        "undercloud-0 lab-undercloud-0 192.168.22.10 192.168.24.1",
        "controller-0 lab-controller-0 192.168.22.11 -",
        "controller-1 lab-controller-1 192.168.22.12 -",
        "controller-2 lab-controller-2 192.168.22.13 -",
        "compute-0 lab-compute-0 192.168.22.14 -",
      ],
    );
    const { provisioning, external } = planOf().networks;
    assert.deepEqual(provisioning, {
      name: "lab-provisioning",
      mode: "none",
      bridge: "lab-prov",
      cidr: "192.168.24.0/24",
      hostAddress: "192.168.24.254",
    });
    const { dhcp, ...rest } = external;
    assert.deepEqual(rest, {
      name: "lab-external",
      mode: "nat",
      bridge: "lab-ext",
      cidr: "192.168.22.0/24",
      hostAddress: "192.168.22.1",
    });
    assert.equal(dhcp?.start, "192.168.22.10");
    assert.equal(dhcp.end, "192.168.22.50");
    assert.equal(dhcp.reservations.length, 41);
    assert.equal(dhcp.reservations.at(-1)?.name, "compute-36");
  });

  it("has the overcloud's networks with their pools, and a gateway for the external one", () => {
    const [external, internal] = planOf({ vlans: { InternalApi: { cidr: "10.9.0.0/26" } } }).vlans;
    assert.deepEqual(external, {
      name: "External",
      vlan: 10,
      cidr: "10.0.10.0/24",
      pool: { start: "10.0.10.10", end: "10.0.10.200" },
      gateway: "10.0.10.1",
    });
    assert.deepEqual(internal, {
      name: "InternalApi",
      vlan: 20,
      cidr: "10.9.0.0/26",
      pool: { start: "10.9.0.10", end: "10.9.0.62" },
    });
  });

  it("gives every network card a MAC and every node an address of its own, where they belong", () => {
    fc.assert(
      fc.property(size, ({ controllers, computes }) => {
        const { nodes, networks } = planOf(counts(controllers, computes));
        assert.equal(nodes.length, 1 + controllers + computes);
        const macs = nodes.flatMap(({ provisioning, external }) => [
          provisioning.mac,
          external.mac,
        ]);
        for (const mac of macs) assert.match(mac, /^52(:[0-9a-f]{2}){5}$/);
        assert.equal(new Set(macs).size, macs.length);
        const addresses = nodes.map(({ external }) => external.address);
        assert.equal(new Set(addresses).size, addresses.length);
        const { first, last } = rangeOf(networks.external.cidr);
        for (const address of addresses) {
          assert.ok(addressNumber(address) > first && addressNumber(address) < last);
          assert.notEqual(address, networks.external.hostAddress);
        }
        for (const { external, name } of nodes) {
          assert.deepEqual(
            networks.external.dhcp?.reservations.filter((each) => each.mac === external.mac),
            [{ mac: external.mac, address: external.address, name }],
          );
        }
      }),
    );
  });

  it("leaves nodes and networks as they are when roles grow or shrink", () => {
    fc.assert(
      fc.property(size, size, (one, other) => {
        const before = planOf(counts(one.controllers, one.computes));
        const after = planOf(counts(other.controllers, other.computes));
        assert.deepEqual(after.networks, before.networks);
        assert.deepEqual(after.vlans, before.vlans);
        for (const node of before.nodes) {
          const same = after.nodes.find((each) => each.name === node.name);
          if (same) assert.deepEqual(same, node);
        }
      }),
    );
  });

  it("can be made of all settings that the rules let through", () => {
    const prefix = fc.integer({ min: 22, max: 29 });
    fc.assert(
      fc.property(size, prefix, prefix, fc.nat(60), fc.nat(60), (nodes, a, b, first, length) => {
        const settings = settingsOf({
          ...counts(nodes.controllers, nodes.computes),
          networks: {
            provisioning: { cidr: `10.1.0.0/${a}` },
            external: {
              cidr: `10.2.0.0/${b}`,
              dhcp: { start: `10.2.0.${first}`, end: `10.2.0.${first + length}` },
            },
          },
        });
        if (checkLibvirt(settings, "lab").length > 0) return;
        const { networks } = planTopology(settings, "lab", "lab");
        const { dhcp, hostAddress, cidr } = networks.external;
        const { last } = rangeOf(cidr);
        for (const { address } of dhcp?.reservations ?? []) {
          assert.ok(addressNumber(address) < last);
          assert.notEqual(address, hostAddress);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("shares no MAC between stacks", () => {
    const macs = (stack: string) => planOf({}, "lab", stack).nodes.map((node) => node.external.mac);
    assert.ok(new Set(macs("one")).isDisjointFrom(new Set(macs("two"))));
  });

  it("names bridges as the kernel takes them, and differently for different stacks", () => {
    fc.assert(
      fc.property(name, name, (one, other) => {
        const bridges = Object.values(bridgesOf(one));
        for (const bridge of bridges) assert.match(bridge, /^[a-z][a-z0-9-]{0,14}$/);
        assert.equal(new Set(bridges).size, 2);
        if (one === other) return;
        assert.ok(new Set(bridges).isDisjointFrom(new Set(Object.values(bridgesOf(other)))));
      }),
    );
  });

  it("keeps disks in a folder of the stack's own, or where the setting says", () => {
    assert.equal(poolPath(settingsOf(), "lab"), "/var/lib/libvirt/images/lab");
    assert.equal(poolPath(settingsOf({ pool: "/disks" }), "lab"), "/disks");
  });
});

describe("the plan of a standalone stack's machines", () => {
  const controller = { vcpus: 2, memoryMb: 4096 };
  const planOf = (counts: Parameters<typeof planMachines>[3]) =>
    planMachines(settingsOf(), "lab", "lab", counts);

  it("has a network only where a machine is on it", () => {
    const networks = (counts: Parameters<typeof planMachines>[3]) =>
      Object.keys(planOf(counts).networks);
    assert.deepEqual(networks({ baremetal: 0 }), []);
    assert.deepEqual(networks({ baremetal: 2 }), ["provisioning"]);
    assert.deepEqual(networks({ baremetal: 0, controller }), ["external"]);
    assert.deepEqual(networks({ baremetal: 1, controller }), ["provisioning", "external"]);
  });

  it("puts controller-0 where an overcloud's is, on a network that keeps its address", () => {
    const { nodes, networks } = planOf({ baremetal: 0, controller });
    const overcloud = planTopology(settingsOf(), "lab", "lab");
    const [node] = nodes;
    assert.deepEqual(node?.external, overcloud.nodes[1]?.external);
    assert.deepEqual(
      [node?.name, node?.power, node?.provisioning],
      ["controller-0", "pulumi", undefined],
    );
    assert.deepEqual(networks.external, { ...overcloud.networks.external, mode: "route" });
  });

  it("numbers bare metal with MACs of its own, and leaves its power to BMCs", () => {
    const { nodes } = planOf({ baremetal: 100, controller });
    const bare = nodes.filter(({ role }) => role === "baremetal");
    assert.deepEqual(
      [bare[0]?.domainName, bare[99]?.domainName, bare[0]?.diskGb],
      ["lab-baremetal-0", "lab-baremetal-99", 10],
    );
    assert.ok(bare.every(({ power, external }) => power === "bmc" && !external));
    const overcloud = planTopology(settingsOf(), "lab", "lab").nodes;
    const macs = [...bare, ...overcloud].flatMap(({ provisioning, external }) => [
      ...(provisioning ? [provisioning.mac] : []),
      ...(external ? [external.mac] : []),
    ]);
    assert.equal(new Set(macs).size, macs.length);
  });

  it("stays as it is when bare metal is added", () => {
    const [few, many] = [
      planOf({ baremetal: 1, controller }),
      planOf({ baremetal: 3, controller }),
    ];
    assert.deepEqual(many.nodes.slice(0, 2), few.nodes);
    assert.deepEqual(many.networks, few.networks);
  });
});
