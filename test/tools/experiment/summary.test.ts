import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  differences,
  mean,
  most,
  numbersIn,
  percentile,
  stepMetrics,
} from "../../../tools/experiment/summary.ts";
import { sampleResult } from "../../support/experiment.ts";

describe("percentiles", () => {
  it("are values that were measured, by nearest rank", () => {
    const values = [50, 15, 40, 20, 35];
    assert.deepEqual(
      [5, 30, 40, 50, 100].map((percent) => percentile(values, percent)),
      [15, 20, 20, 35, 50],
    );
    assert.equal(percentile([7], 99), 7);
    assert.equal(percentile([], 50), null);
    assert.equal(mean([]), null);
    assert.equal(most([]), null);
  });

  it("have at least their share of the values at or below them, and less below", () => {
    const values = fc.array(fc.double({ noNaN: true, min: 0, max: 1e6 }), { minLength: 1 });
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 100 }), (list, percent) => {
        const found = percentile(list, percent) ?? Number.NaN;
        const share = (count: number) => (100 * count) / list.length;
        assert.ok(list.includes(found));
        assert.ok(share(list.filter((value) => value <= found).length) >= percent - 1e-9);
        assert.ok(share(list.filter((value) => value < found).length) < percent);
      }),
    );
  });
});

describe("what the samples say about a step", () => {
  const result = sampleResult();

  it("counts what lies within it", () => {
    const quiet = stepMetrics(result, { from: 0, to: 20 });
    assert.equal(quiet["duration"], 20);
    assert.equal(quiet["computesUp"], 1);
    // keystone 10, 12 … 28, nova 20, 22 … 38
    assert.equal(quiet["apiP50"], 24);
    assert.equal(quiet["apiP99"], 38);
    assert.equal(quiet["apiFailed"], 0);
    assert.equal(quiet["queries"], 29);
    assert.equal(quiet["queueDepth"], 1);
    assert.equal(quiet["controlPlaneMemory"], 240);
    assert.equal(quiet["computeMemory"], 140);
    const broken = stepMetrics(result, { from: 20, to: 40 });
    assert.equal(broken["apiFailed"], 5);
    assert.equal(broken["queueDepth"], 10);
    assert.equal(stepMetrics(result, { from: 40, to: 60 })["computeMemory"], 145);
  });

  it("says not available, never zero, where nothing was seen", () => {
    const away = stepMetrics(result, { from: 20, to: 30 });
    assert.equal(away["messages"], null);
    assert.equal(away["queueDepth"], null);
    const nothing = stepMetrics(sampleResult({ samples: {} }), { from: 0, to: 20 });
    const { duration, ...others } = nothing;
    assert.equal(duration, 20);
    assert.deepEqual(new Set(Object.values(others)), new Set([null]));
  });
});

describe("two results beside each other", () => {
  it("are compared step by step, the playbooks' own numbers included", () => {
    const a = sampleResult();
    const b = sampleResult({ attempts: a.attempts.slice(0, 2) });
    const [quiet, broken, after] = differences(a, b);
    assert.equal(quiet?.label, "quiet");
    assert.deepEqual(quiet?.rows.find(({ title }) => title === "duration")?.values, [20, 20]);
    const downtime = broken?.rows.find(({ title }) => title === "downtime.seconds");
    assert.deepEqual(downtime?.values, [12.5, 12.5]);
    assert.deepEqual(after?.rows.find(({ title }) => title === "duration")?.values, [20, null]);
  });

  it("take the last of several attempts, and numbers only", () => {
    const a = sampleResult();
    const [first] = a.attempts;
    assert.ok(first);
    const attempts = [
      { ...first, outcome: "interrupted" as const, to: 5 },
      { ...first, from: 8 },
    ];
    const [row] = differences(sampleResult({ attempts }), a)[0]?.rows ?? [];
    assert.deepEqual(row?.values, [12, 20]);
    assert.deepEqual(numbersIn({ a: 1, b: { c: 2, d: "3", e: [4] }, f: null }), { a: 1, "b.c": 2 });
  });
});
