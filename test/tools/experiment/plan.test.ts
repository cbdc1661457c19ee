import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { firstUnfinished, planSteps } from "../../../tools/experiment/plan.ts";
import { parseExperiment } from "../../../tools/experiment/schema.ts";

const plan = (text: string) => planSteps(parseExperiment(text, "x.yaml"));

describe("the plan of an experiment", () => {
  const steps = plan(`
limits: { stepMinutes: 10 }
steps:
  - computes: 1
  - settings: { compute.bootDelaySeconds: 5 }
    name: slow guests
    limitMinutes: 2
  - name: round
    repeat: 2
    steps:
      - playbook: ../own/boot.yml
        vars: { count: 2 }
        tags: [a]
      - wait: 3
        mayFail: true
`);

  it("writes repetitions out and ends with the stack's own settings", () => {
    assert.deepEqual(
      steps.map(({ id, label }) => `${id} | ${label}`),
      [
        "01-1-compute | 1 compute",
        "02-slow-guests | slow guests",
        "03-boot | boot (round, 1 of 2)",
        "04-wait-3-s | wait 3 s (round, 1 of 2)",
        "05-boot | boot (round, 2 of 2)",
        "06-wait-3-s | wait 3 s (round, 2 of 2)",
        "07-the-stack-s-own-settings | the stack's own settings",
      ],
    );
    assert.deepEqual(steps[2]?.work, {
      kind: "playbook",
      playbook: "../own/boot.yml",
      vars: { count: 2 },
      tags: ["a"],
    });
  });

  it("carries each changed setting on until the end", () => {
    assert.deepEqual(steps[0]?.overrides, { computes: 1 });
    assert.deepEqual(steps[5]?.overrides, { computes: 1, "compute.bootDelaySeconds": 5 });
    assert.deepEqual(steps[6]?.overrides, {});
  });

  it("bounds each step's time", () => {
    assert.deepEqual(
      steps.map(({ limitSeconds }) => limitSeconds),
      [600, 120, 600, 600, 600, 600, 600],
    );
  });

  it("restores nothing where nothing was changed, or where the last settings are to be kept", () => {
    assert.equal(plan("steps: [{ wait: 1 }]").length, 1);
    assert.equal(plan("afterwards: keep\nsteps: [{ computes: 1 }]").length, 1);
  });

  it("goes on after the last step that is done, and does an interrupted one again", () => {
    const attempt = (index: number, outcome: string) => ({ id: steps[index]?.id ?? "", outcome });
    assert.equal(firstUnfinished(steps, []), 0);
    assert.equal(firstUnfinished(steps, [attempt(0, "done"), attempt(1, "interrupted")]), 1);
    const again = [attempt(0, "done"), attempt(1, "interrupted"), attempt(1, "done")];
    assert.equal(firstUnfinished(steps, again), 2);
    assert.equal(firstUnfinished(steps, [...again, attempt(2, "failed")]), 2);
    const most = [...again, attempt(2, "done")];
    assert.equal(firstUnfinished(steps, [...most, attempt(3, "failed")]), 4, "it may fail");
    assert.equal(firstUnfinished(steps, [...most, attempt(3, "interrupted")]), 3);
    const all = steps.map(({ id }) => ({ id, outcome: "done" }));
    assert.equal(firstUnfinished(steps, all), steps.length);
  });
});
