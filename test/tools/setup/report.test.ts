import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Outcome, Task } from "../../../tools/setup/graph.ts";
import { Reporter, SetupError, duration } from "../../../tools/setup/report.ts";

const task: Task = {
  name: "image",
  needs: [],
  done: () => Promise.resolve(undefined),
  run: () => Promise.resolve(undefined),
};

function recorder(heartbeatSeconds?: number) {
  const lines: string[] = [];
  const reporter = new Reporter(["image"], {
    write: (line) => lines.push(line),
    logPath: (name) => `/logs/${name}.log`,
    lastLine: () => "Step 3/9",
    heartbeatSeconds,
  });
  return { lines, reporter };
}

describe("the reporter", () => {
  it("writes durations as people read them", () => {
    assert.equal(duration(0.26), "0.3 s");
    assert.equal(duration(42.4), "42 s");
    assert.equal(duration(185), "3 min 05 s");
  });

  it("shows a sign of life while a task lasts, and none after it ended", async () => {
    const { lines, reporter } = recorder(0.02);
    reporter.started(task);
    // The heartbeat itself keeps no process alive: this timer does.
    await new Promise((resolve) => setTimeout(resolve, 100));
    reporter.ended(task, { status: "made", note: "", seconds: 1 });
    const count = lines.length;
    assert.ok(lines.some((line) => /… image {2}\d.*: Step 3\/9/.test(line)));
    await new Promise((resolve) => setTimeout(resolve, 60));
    assert.equal(lines.length, count);
  });

  it("names the failed task, the reason, the last lines, the log and what to do", () => {
    const { lines, reporter } = recorder();
    const error = new SetupError("The image could not be built.", ["E: no space left"]);
    const outcomes = new Map<string, Outcome>([["image", { status: "failed", error, seconds: 1 }]]);
    reporter.failures(outcomes);
    const text = lines.join("\n");
    assert.match(text, /task image failed: The image could not be built\./);
    assert.match(text, /\| E: no space left/);
    assert.match(text, /\/logs\/image\.log/);
    assert.match(text, /run the same command again/);
  });
});
