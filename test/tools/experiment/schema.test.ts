import assert from "node:assert/strict";
import { globSync } from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";
import { PROJECT_DIRECTORY } from "../../../components/project.ts";
import { parseExperiment, readExperiment } from "../../../tools/experiment/schema.ts";

const parse = (text: string) =>
  parseExperiment(text, "x.yaml", (name) => (name === "unknown" ? undefined : name));

function problemsOf(text: string): string {
  try {
    parse(text);
  } catch (error) {
    return (error as Error).message;
  }
  return "";
}

describe("an experiment's file", () => {
  it("has defaults for all but its steps", () => {
    const experiment = parse("steps: [{ wait: 5 }]");
    assert.equal(experiment.sampling.intervalSeconds, 2);
    assert.deepEqual(experiment.limits, { stepMinutes: 30, totalMinutes: 120 });
    assert.equal(experiment.afterwards, "restore");
    assert.deepEqual(experiment.steps, [{ wait: 5 }]);
  });

  it("is refused with every problem at once, each by its place", () => {
    const message = problemsOf(`
description: 3
colour: red
sampling: { intervalSeconds: 0.1 }
limits: { stepMinutes: 0 }
afterwards: forget
steps:
  - wait: -1
  - computes: 5
    wait: 5
  - name: nothing
  - playbook: unknown
  - settings: { compute.bootDelay: 3, computes: 4 }
  - wait: 5
    vars: { a: 1 }
  - repeat: 2
    steps: [{ computes: 2000 }, { playbook: unknown }]
`);
    for (const line of [
      "description is 3: must be text",
      "colour: is not known here; see docs/experiments.md",
      "sampling.intervalSeconds is 0.1: must be a number of seconds from 0.5 to 60",
      "limits.stepMinutes is 0: must be a number of minutes, more than 0 and at most 1440",
      'afterwards is "forget": must be one of: restore, keep',
      "steps[0].wait is -1: must be a whole number from 1 to 86400",
      "steps[1]: must have one of computes, wait, not several",
      "steps[2]: must have one of computes, playbook, wait, settings, repeat",
      'steps[3].playbook is "unknown": there is no such playbook',
      'steps[4].settings["compute.bootDelay"] is 3: is not a setting; see the table in README.md',
      "steps[4].settings: is a step of its own: `- computes: …`",
      "steps[5].vars: belongs to a playbook",
      "steps[6].steps[0].computes is 2000: must be a whole number from 0 to 1000",
      'steps[6].steps[1].playbook is "unknown": there is no such playbook',
    ]) {
      assert.ok(message.includes(`  ${line}`), `${line}\nis not in\n${message}`);
    }
    assert.match(message, /^x\.yaml has 14 problems:/);
  });

  it("must not wait longer than all of it may take, nor have steps without end", () => {
    assert.match(
      problemsOf("limits: { totalMinutes: 1 }\nsteps: [{ repeat: 3, steps: [{ wait: 30 }] }]"),
      /limits\.totalMinutes is 1: must be more than the 2 minutes that the steps wait/,
    );
    assert.match(
      problemsOf("steps: [{ repeat: 100, steps: [{ repeat: 100, steps: [{ computes: 1 }] }] }]"),
      /steps: must be at most 500 when repeated/,
    );
  });

  it("is refused when it is no YAML, no mapping, empty or not there", () => {
    assert.match(problemsOf("steps: [\n"), /the file: is not YAML/);
    assert.match(problemsOf("- wait: 5"), /the file: /);
    assert.match(problemsOf(""), /steps: must be a list of steps/);
    assert.throws(() => readExperiment("/nowhere/x.yaml", "/nowhere"), /there is no such file/);
  });

  it("ships in forms that are right", () => {
    const files = globSync("experiments/*.yaml", { cwd: PROJECT_DIRECTORY });
    assert.ok(files.length >= 3);
    for (const file of files) {
      const playbooks = path.join(PROJECT_DIRECTORY, "playbooks");
      const { steps } = readExperiment(path.join(PROJECT_DIRECTORY, file), playbooks);
      assert.ok(steps.length > 0, file);
    }
  });

  it("expects of steps that there are, within bounds", () => {
    const good = parse(
      "expect: { steps: rest, computesDown: 0 }\nsteps: [{ name: rest, wait: 5 }]",
    );
    assert.deepEqual(good.expect, { steps: "rest", computesDown: 0 });
    const repeated = "expect: { steps: wait 5 s }\nsteps: [{ repeat: 2, steps: [{ wait: 5 }] }]";
    assert.equal(parse(repeated).expect?.steps, "wait 5 s");
    assert.match(
      problemsOf("expect: { steps: churn }\nsteps: [{ wait: 5 }]"),
      /expect\.steps is "churn": no step has that name/,
    );
    const message = problemsOf(
      "expect: { serviceMemoryPerHour: -1, computesDown: 0.5, errors: 1 }\nsteps: [{ wait: 5 }]",
    );
    assert.match(message, /expect\.steps.*: must be the name of a step/);
    assert.match(message, /expect\.serviceMemoryPerHour is -1: must be a number of MiB in an hour/);
    assert.match(message, /expect\.computesDown is 0\.5: must be a whole number/);
    assert.match(message, /expect\.errors/);
  });
});
