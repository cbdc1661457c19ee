import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { HostFacts } from "../../config/host.ts";
import { parseSettings } from "../../config/parse.ts";
import { checkPlans } from "../support/plans.ts";
import { ROOMY } from "../support/settings.ts";
import { SettingsError } from "../../config/problems.ts";

const quad = (value: number) => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join(".");

/** Networks, most of them with host bits cleared and of a size that computes fit in. */
const cidr = fc
  .tuple(
    fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    fc.oneof(fc.integer({ min: 16, max: 26 }), fc.integer({ min: 0, max: 34 })),
    fc.oneof({ weight: 9, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.boolean() }),
  )
  .map(([value, prefix, aligned]) => {
    const size = 2 ** Math.max(0, 32 - prefix);
    return `${quad(aligned ? Math.floor(value / size) * size : value)}/${prefix}`;
  });

const maybe = <T>(value: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 9, arbitrary: value }, { weight: 1, arbitrary: fc.jsonValue() });

const block = (keys: Record<string, fc.Arbitrary<unknown>>) =>
  fc.record(Object.fromEntries(Object.entries(keys).map(([key, value]) => [key, maybe(value)])), {
    requiredKeys: [],
  });

const port = fc.integer({ min: 1, max: 65535 });

/** What a user may have written: each key is often right, sometimes anything. */
const rawSettings = fc.record(
  {
    names: maybe(fc.stringMatching(/^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$/)),
    computes: maybe(fc.oneof(fc.integer({ min: 0, max: 1000 }), fc.integer(), fc.double())),
    networking: maybe(fc.constantFrom("ovn", "ovs", "none")),
    tls: maybe(fc.boolean()),
    scaleDown: maybe(fc.constantFrom("refuse", "evacuate", "delete")),
    network: maybe(block({ cidr, tunnelCidr: cidr, tenantCidr: cidr })),
    ports: maybe(block({ keystone: port, nova: port, glance: port })),
    compute: maybe(block({ vcpus: fc.integer({ min: 1, max: 64 }), downTimeSeconds: fc.nat() })),
    anything: fc.jsonValue(),
  },
  { requiredKeys: ["names"] },
);

/** Settings that are right but for what depends on the count and on each other. */
const sensible = fc.record(
  {
    names: fc.stringMatching(/^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$/),
    computes: fc.integer({ min: 0, max: 1000 }),
    networking: fc.constantFrom("ovn", "ovs"),
    network: fc.record({ cidr, tunnelCidr: cidr }),
    ports: fc.record(
      {
        keystone: fc.oneof(port, fc.constantFrom(8774, 9292, 9696)),
        nova: fc.oneof(port, fc.constantFrom(5000, 8778)),
      },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: ["names"] },
);

const hostFacts: fc.Arbitrary<HostFacts> = fc.record({
  memoryMb: fc.oneof(fc.constant(1_000_000), fc.nat({ max: 20_000 })),
  routes: fc.array(
    fc.record({
      cidr: cidr.filter((text) => !/\/3[34]$/.test(text)),
      device: fc.constant("eth0"),
    }),
    { maxLength: 2 },
  ),
  portsInUse: fc.array(port, { maxLength: 3 }),
  foreignNames: fc.array(fc.constantFrom("t", "t-mariadb", "lab-compute-0", "x"), { maxLength: 2 }),
  stopped: fc.constant([]),
  engines: fc.constant([]),
  placed: fc.constant(new Map()),
  images: fc.constant([]),
});

async function outcome(raw: Record<string, unknown>, host: HostFacts) {
  try {
    return (await parseSettings(raw, () => Promise.resolve(host))).settings;
  } catch (error) {
    assert.ok(error instanceof SettingsError, String(error));
    assert.ok(error.problems.length > 0);
    for (const { key } of error.problems) {
      assert.notEqual(key, "");
      assert.ok(error.message.includes(`\n  overcloud:${key}`), error.message);
    }
    assert.equal(error.message.split("\n").length, error.problems.length + 1);
    return undefined;
  }
}

const bits = (address: string) =>
  address.split(".").reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);

/** What is this host's own, loopback, link-local, multicast and beyond; without the ends. */
const NOBODYS = [
  [bits("0.0.0.0"), bits("1.0.0.0")],
  [bits("127.0.0.0"), bits("128.0.0.0")],
  [bits("169.254.0.0"), bits("169.255.0.0")],
  [bits("224.0.0.0"), 1n << 32n],
] as const;

/** Whether the settings should be taken, worked out without the code that is tested. */
function fits(raw: {
  computes?: number;
  network?: { cidr: string; tunnelCidr: string };
  ports?: { keystone?: number; nova?: number };
}): boolean {
  const { cidr: own, tunnelCidr } = {
    cidr: "10.79.0.0/20",
    tunnelCidr: "10.79.16.0/20",
    ...raw.network,
  };
  const ranges = [own, tunnelCidr, "10.100.0.0/16"].map((text) => {
    const [base = "", prefix = ""] = text.split("/");
    return {
      first: bits(base),
      size: Number(prefix) > 32 ? 0n : 1n << BigInt(32 - Number(prefix)),
    };
  });
  const { keystone = 5000, nova = 8774 } = raw.ports ?? {};
  const last = 63n + BigInt(raw.computes ?? 3);
  return (
    ranges.every(({ first, size }) => size > 0n && first % size === 0n) &&
    ranges.every(({ first, size }) =>
      NOBODYS.every(([start, end]) => first + size <= start || end <= first),
    ) &&
    ranges.slice(0, 2).every(({ size }) => last < size - 1n) &&
    ranges.every((a, i) =>
      ranges.slice(0, i).every((b) => a.first + a.size <= b.first || b.first + b.size <= a.first),
    ) &&
    new Set([keystone, nova, 8778, 9292, 9696]).size === 5
  );
}

describe("whatever the configuration holds", () => {
  it("it gives settings whose plans hold, or problems that name their keys, and nothing else", async () => {
    await fc.assert(
      fc.asyncProperty(rawSettings, hostFacts, async (raw, host) => {
        const settings = await outcome(raw, host);
        if (settings) checkPlans(settings, "stack");
      }),
      { numRuns: 400 },
    );
  });

  it("any JSON at all in place of a block or of everything is refused properly", async () => {
    const key = fc.oneof(
      fc.stringMatching(/^[\w:.-]+$/),
      fc.constantFrom("computes", "network", "ports", "compute", "networking", "__proto__"),
    );
    await fc.assert(
      fc.asyncProperty(fc.dictionary(key, fc.jsonValue()), async (raw) => {
        assert.equal(await outcome({ ...raw, names: 1 }, ROOMY), undefined);
      }),
      { numRuns: 300 },
    );
  });

  it("sensible settings are taken exactly when networks fit the count, the machine and each other", async () => {
    let taken = 0;
    await fc.assert(
      fc.asyncProperty(sensible, async (raw) => {
        const settings = await outcome(raw, ROOMY);
        assert.equal(settings !== undefined, fits(raw));
        if (!settings) return;
        taken += 1;
        checkPlans(settings, "stack");
      }),
      { numRuns: 500 },
    );
    assert.ok(taken > 50, `only ${taken} of 500 were taken`);
  });
});
