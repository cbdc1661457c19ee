import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { addressAt, overlap, rangeOf, usableAddresses } from "../../config/addresses.ts";

/** An address as a BigInt, by shifting: a model that shares no code with what is tested. */
const bits = (address: string) =>
  address.split(".").reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);

const text = (value: bigint) =>
  [24n, 16n, 8n, 0n].map((shift) => ((value >> shift) & 255n).toString()).join(".");

interface Network {
  cidr: string;
  first: bigint;
  last: bigint;
}

const network = fc
  .tuple(fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.integer({ min: 0, max: 32 }))
  .map(([value, prefix]): Network => {
    const hostMask = (1n << BigInt(32 - prefix)) - 1n;
    const first = BigInt(value) & ~hostMask;
    return { cidr: `${text(first)}/${prefix}`, first, last: first | hostMask };
  });

/** Two networks, of which the second often lies in or around the first. */
const pair = fc.oneof(
  fc.tuple(network, network),
  fc.tuple(network, fc.integer({ min: 0, max: 32 })).map(([outer, prefix]): [Network, Network] => {
    const hostMask = (1n << BigInt(32 - prefix)) - 1n;
    const first = outer.last & ~hostMask;
    return [outer, { cidr: `${text(first)}/${prefix}`, first, last: first | hostMask }];
  }),
);

describe("address arithmetic", () => {
  it("finds both ends of a network", () => {
    fc.assert(
      fc.property(network, ({ cidr, first, last }) => {
        const range = rangeOf(cidr);
        assert.deepEqual([BigInt(range.first), BigInt(range.last)], [first, last]);
      }),
    );
  });

  it("counts every address but the network's own and the broadcast address", () => {
    for (const [cidr, count] of [
      ["10.0.0.0/24", 254],
      ["10.0.0.0/30", 2],
      ["10.0.0.0/31", 0],
      ["10.0.0.0/32", 0],
      ["0.0.0.0/0", 2 ** 32 - 2],
      ["255.255.255.0/24", 254],
    ] as const) {
      assert.equal(usableAddresses(cidr), count, cidr);
    }
  });

  it("agrees with a model about overlaps, in both orders", () => {
    fc.assert(
      fc.property(pair, ([a, b]) => {
        const expected = !(a.last < b.first || b.last < a.first);
        assert.equal(overlap(a.cidr, b.cidr), expected);
        assert.equal(overlap(b.cidr, a.cidr), expected);
        assert.equal(overlap(a.cidr, a.cidr), true);
      }),
      { numRuns: 300 },
    );
  });

  it("takes neighbours for separate", () => {
    assert.equal(overlap("10.0.0.0/24", "10.0.1.0/24"), false);
    assert.equal(overlap("10.0.0.0/23", "10.0.1.0/24"), true);
    assert.equal(overlap("0.0.0.0/1", "128.0.0.0/1"), false);
  });

  it("gives the address at a place, and never one outside of the network", () => {
    const place = fc.oneof(fc.integer({ min: -2, max: 300 }), fc.integer());
    fc.assert(
      fc.property(network, place, ({ cidr, first, last }, offset) => {
        const wanted = first + BigInt(offset);
        if (offset >= 1 && wanted < last) {
          assert.equal(bits(addressAt(cidr, offset)), wanted);
        } else {
          assert.throws(() => addressAt(cidr, offset), RangeError);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("refuses what is no IPv4 network", () => {
    for (const cidr of ["", "10.0.0.0", "fd00::/64", "10.0.0.0/33", "x"]) {
      assert.throws(() => rangeOf(cidr), Error, cidr);
    }
  });
});
