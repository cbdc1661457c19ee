import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { digestOf } from "../../../tools/experiment/digest.ts";
import { sampleResult } from "../../support/experiment.ts";

describe("what is worth keeping of a result", () => {
  it("is each step's last attempt with its numbers, and no sample", () => {
    const result = sampleResult();
    const [first] = result.attempts;
    assert.ok(first);
    const interrupted = { ...first, outcome: "interrupted" as const, from: 0, to: 5 };
    const digest = digestOf({ ...result, attempts: [interrupted, ...result.attempts] });
    assert.deepEqual(
      digest.steps.map(({ label, outcome }) => [label, outcome]),
      [
        ["quiet", "done"],
        ["broken", "failed"],
        ["after", "done"],
      ],
    );
    assert.equal(digest.steps[0]?.metrics["apiP50"], 24);
    assert.deepEqual(digest.steps[1]?.playbook, { "downtime.seconds": 12.5 });
    assert.equal(digest.steps[0]?.playbook, undefined);
    assert.deepEqual([digest.expected, digest.memory], [[], []]);
    assert.ok(!("samples" in digest));
  });

  it("has what was expected, and how the memory of each went over the steps that count", () => {
    const expect = { steps: "quiet", serviceMemoryPerHour: 1, failedApiRequests: 0 };
    const seconds = Array.from({ length: 20 }, (_, second) => second);
    const containers = {
      seconds,
      series: { "memory.service.mariadb": seconds.map((second) => 100 + second / 60) },
    };
    const samples = { ...sampleResult().samples, containers };
    const digest = digestOf(sampleResult({ expect, samples }));
    assert.deepEqual(digest.memory, [
      { name: "service.mariadb", first: 100, last: 100.317, perHour: 60 },
    ]);
    assert.deepEqual(
      digest.expected.map(({ title, measured, met }) => [title, measured, met]),
      [
        ["memory of a service", 60, false],
        ["API requests failed", 0, true],
      ],
    );
  });
});
