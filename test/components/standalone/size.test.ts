import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { neutronSize, novaSize, sizeControlPlane } from "../../../components/standalone/size.ts";
import { MAX_COMPUTES } from "../../../config/schema.ts";

const networking = fc.constantFrom("ovn" as const, "ovs" as const);
const count = fc.integer({ min: 0, max: MAX_COMPUTES });

describe("the size of a control plane", () => {
  it("is what the image says for up to 150 computes", () => {
    for (const computes of [0, 3, 150]) {
      const size = sizeControlPlane({ computes, networking: "ovs" });
      assert.deepEqual([novaSize(size), neutronSize(size)], [{}, {}]);
    }
    const more = sizeControlPlane({ computes: 151, networking: "ovs" });
    assert.deepEqual(
      [novaSize(more), neutronSize(more)],
      [{ conductor: { workers: 2 } }, { rpc_workers: 2 }],
    );
  });

  it("never shrinks when computes are added, and never is more than a small machine runs", () => {
    fc.assert(
      fc.property(networking, count, count, (kind, one, other) => {
        const workers = (computes: number) => {
          const size = sizeControlPlane({ computes, networking: kind });
          return [size.conductorWorkers, size.neutronApiWorkers, size.neutronRpcWorkers];
        };
        const [few, many] = [workers(Math.min(one, other)), workers(Math.max(one, other))];
        few.forEach((each, position) => {
          assert.ok(each >= 1 && each <= (many[position] ?? 0) && each <= 4);
        });
      }),
    );
  });

  it("changes at few numbers, because services start again there", () => {
    const sizes = Array.from({ length: MAX_COMPUTES + 1 }, (_, computes) =>
      JSON.stringify(sizeControlPlane({ computes, networking: "ovs" })),
    );
    assert.ok(new Set(sizes).size <= 4);
  });

  it("has no process for agents that are not there", () => {
    const { neutronRpcWorkers } = sizeControlPlane({ computes: 1000, networking: "ovn" });
    assert.equal(neutronRpcWorkers, 1);
  });
});
