import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { isOf, sentence, verdicts, type Expect } from "../../../tools/experiment/expect.ts";
import type { Result, Table } from "../../../tools/experiment/result.ts";
import { sampleResult } from "../../support/experiment.ts";

const MINUTES = 60;

/** An hour that is one step repeated twice, the second half of an hour after it another; a sample a minute. */
function hour(memory: Record<string, (minute: number) => number | null>, expect: Expect): Result {
  const seconds = Array.from({ length: 2 * MINUTES }, (_, minute) => minute * 60);
  const table = (series: Record<string, (minute: number) => number | null>): Table => ({
    seconds,
    series: Object.fromEntries(
      Object.entries(series).map(([name, value]) => [name, seconds.map((at) => value(at / 60))]),
    ),
  });
  const [attempt] = sampleResult().attempts;
  assert.ok(attempt);
  return sampleResult({
    seconds: 7200,
    expect,
    attempts: [
      { ...attempt, id: "01", label: "churn (an hour, 1 of 2)", from: 0, to: 1800 },
      { ...attempt, id: "02", label: "churn (an hour, 2 of 2)", from: 1800, to: 3600 },
      { ...attempt, id: "03", label: "afterwards", from: 3600, to: 7200 },
    ],
    samples: {
      containers: table(
        Object.fromEntries(Object.entries(memory).map(([name, of]) => [`memory.${name}`, of])),
      ),
      services: table({
        "computes.registered": () => 3,
        "computes.up": (minute) => (minute === 30 ? 1 : minute === 90 ? 0 : 3),
      }),
      "api.nova": table({ ms: () => 5, failed: (minute) => (minute === 20 ? 1 : 0) }),
      "api.keystone": table({ ms: () => 5, failed: (minute) => (minute === 70 ? 1 : 0) }),
    },
  });
}

const measured = (result: Result) =>
  Object.fromEntries(verdicts(result).map((verdict) => [verdict.title, verdict]));

describe("what an experiment expects", () => {
  it("is held against the steps of a name alone, whatever comes after them", () => {
    const expect = {
      steps: "churn",
      serviceMemoryPerHour: 30,
      computeMemoryPerHour: 5,
      failedApiRequests: 0,
      computesDown: 2,
    };
    const memory = {
      "service.mariadb": (minute: number) => 200 + minute / 2,
      "service.nova-api": (minute: number) => (minute < 60 ? 100 + minute : 5000),
      "compute.compute-0": (minute: number) => 40 + minute / 60,
      // There for too short a time to say anything.
      "compute.compute-1": (minute: number) => (minute < 20 ? 40 + minute : null),
    };
    const found = measured(hour(memory, expect));
    assert.equal(found["memory of a service"]?.measured?.toFixed(6), "60.000000");
    assert.equal(found["memory of a service"]?.worst, "nova-api");
    assert.equal(found["memory of a service"]?.met, false);
    assert.equal(found["memory of a compute"]?.measured?.toFixed(6), "1.000000");
    assert.equal(found["memory of a compute"]?.worst, "compute-0");
    assert.equal(found["memory of a compute"]?.met, true);
    assert.deepEqual(
      [found["API requests failed"]?.measured, found["API requests failed"]?.met],
      [1, false],
    );
    assert.deepEqual([found["computes down"]?.measured, found["computes down"]?.met], [2, true]);
    assert.equal(
      sentence(found["memory of a service"] ?? assert.fail()),
      "NOT as expected: memory of a service 60 MiB/h (nova-api), at most 30 MiB/h",
    );
    assert.equal(
      sentence(found["computes down"] ?? assert.fail()),
      "as expected: computes down 2, at most 2",
    );
  });

  it("is only what the file says, and nothing where it says nothing", () => {
    const only = verdicts(hour({}, { steps: "churn", failedApiRequests: 5 }));
    assert.deepEqual(
      only.map(({ title }) => title),
      ["API requests failed"],
    );
    assert.deepEqual(verdicts(sampleResult()), []);
  });

  it("is not met by what nobody saw", () => {
    const expect = {
      steps: "quiet",
      serviceMemoryPerHour: 1e5,
      failedApiRequests: 1,
      computesDown: 1,
    };
    const blind = verdicts(sampleResult({ expect, samples: {} }));
    assert.equal(blind.length, 3);
    for (const verdict of blind) {
      assert.deepEqual([verdict.measured, verdict.met], [null, false]);
      assert.match(sentence(verdict), /^NOT as expected: .* not seen often enough to say, at most/);
    }
  });

  it("finds any growth whatever it starts from and however it wavers", () => {
    const double = (min: number, max: number) => fc.double({ noNaN: true, min, max });
    fc.assert(
      fc.property(double(0, 1e4), double(-500, 500), double(0, 5), (start, slope, waver) => {
        const memory = {
          "service.x": (minute: number) =>
            start + (slope * minute) / MINUTES + (minute % 2 === 0 ? waver : -waver),
        };
        const [verdict] = verdicts(hour(memory, { steps: "churn", serviceMemoryPerHour: 0 }));
        const tolerance = waver / 2 + 1e-6;
        assert.ok(Math.abs((verdict?.measured ?? Number.NaN) - slope) <= tolerance);
      }),
    );
  });

  it("means a step and its repetitions, not another whose name begins the same", () => {
    assert.ok(isOf("churn", "churn"));
    assert.ok(isOf("churn", "churn (an hour, 3 of 6)"));
    assert.ok(!isOf("churn", "churn more"));
  });
});
