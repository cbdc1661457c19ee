import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { spread, type WeightedHost } from "../../../components/docker-hosts/spread.ts";

const named = (...weights: number[]): WeightedHost[] =>
  weights.map((weight, index) => ({ name: String.fromCharCode(97 + index), weight }));

const hosts = fc
  .array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 8 })
  .map((weights) => named(...weights));
const count = fc.integer({ min: 0, max: 120 });

const asPlaced = (names: readonly string[]) => new Map(names.entries());

const countOf = (names: readonly string[], name: string) =>
  names.filter((each) => each === name).length;

/** Each host with its share of so many computes. */
function sharesOf(among: readonly WeightedHost[], computes: number) {
  const total = among.reduce((sum, { weight }) => sum + weight, 0);
  return among.map(({ name, weight }) => ({ name, share: (computes * weight) / total }));
}

describe("computes over docker hosts", () => {
  it("are spread evenly, and by weight", () => {
    assert.equal(spread(named(1, 1), 5).join(""), "ababa");
    assert.equal(spread(named(3, 1), 8).join(""), "aaabaaab");
    assert.equal(spread(named(1), 3).join(""), "aaa");
    assert.deepEqual(spread(named(1, 2), 0), []);
  });

  it("follow the weights within one compute", () => {
    fc.assert(
      fc.property(hosts, count, (now, computes) => {
        const names = spread(now, computes);
        for (const { name, share } of sharesOf(now, computes)) {
          const has = countOf(names, name);
          assert.ok(has >= Math.floor(share) && has <= Math.ceil(share), `${has} of ${share}`);
        }
      }),
    );
  });

  it("are on no host more than its share, whatever was there before", () => {
    fc.assert(
      fc.property(hosts, count, hosts, count, (before, few, now, many) => {
        const names = spread(now, many, asPlaced(spread(before, few)));
        assert.equal(names.length, many);
        for (const { name, share } of sharesOf(now, many)) {
          assert.ok(countOf(names, name) <= Math.ceil(share), `${name} of ${share}`);
        }
      }),
    );
  });

  it("stay when their number grows", () => {
    fc.assert(
      fc.property(hosts, hosts, count, count, (before, now, one, other) => {
        const few = spread(now, Math.min(one, other), asPlaced(spread(before, one)));
        const many = spread(now, Math.max(one, other), asPlaced(few));
        assert.deepEqual(many.slice(0, few.length), few);
      }),
    );
  });

  it("stay when their number falls, as long as hosts stay the same", () => {
    fc.assert(
      fc.property(hosts, count, count, (now, one, other) => {
        const many = spread(now, Math.max(one, other));
        const few = spread(now, Math.min(one, other), asPlaced(many));
        assert.deepEqual(few, many.slice(0, few.length));
      }),
    );
  });

  it("stay when nothing changes, however they came there", () => {
    fc.assert(
      fc.property(hosts, hosts, count, (before, now, computes) => {
        const then = spread(now, computes, asPlaced(spread(before, computes)));
        assert.deepEqual(spread(now, computes, asPlaced(then)), then);
      }),
    );
  });

  it("make room for a new host in the number of its share, from hosts that have too many", () => {
    fc.assert(
      fc.property(hosts, fc.integer({ min: 1, max: 20 }), count, (before, weight, computes) => {
        const now = [...before, { name: "new", weight }];
        const first = spread(before, computes);
        const then = spread(now, computes, asPlaced(first));
        for (const { name, share } of sharesOf(now, computes)) {
          const left = first.filter((from, index) => from === name && then[index] !== name);
          assert.equal(left.length, Math.max(0, countOf(first, name) - Math.ceil(share)), name);
        }
      }),
    );
  });

  it("move off a host that is removed, and no others do", () => {
    fc.assert(
      fc.property(hosts, fc.nat(), count, (before, which, computes) => {
        fc.pre(before.length > 1);
        const gone = before[which % before.length];
        const first = spread(before, computes);
        const now = before.filter((host) => host !== gone);
        const then = spread(now, computes, asPlaced(first));
        const moved = first.filter((name, index) => name !== then[index]);
        assert.ok(
          moved.every((name) => name === gone?.name),
          `${first.join("")} ${then.join("")}`,
        );
      }),
    );
  });

  it("come back where they were when one is gone", () => {
    fc.assert(
      fc.property(hosts, count, fc.nat(), (now, computes, which) => {
        fc.pre(computes > 0);
        const all = spread(now, computes);
        const placed = asPlaced(all);
        placed.delete(which % computes);
        assert.deepEqual(spread(now, computes, placed), all);
      }),
    );
  });
});
