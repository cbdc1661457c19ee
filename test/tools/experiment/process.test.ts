import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { runProcess } from "../../../tools/experiment/process.ts";
import { folderName } from "../../../tools/experiment/result.ts";
import { reasonIn } from "../../../tools/experiment/steps.ts";

const folder = mkdtempSync(path.join(tmpdir(), "overcloud-process-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const run = (script: string, log: string, limitSeconds: number, interrupted: AbortSignal) =>
  runProcess(["sh", "-c", script], {
    cwd: folder,
    log: path.join(folder, log),
    limitSeconds,
    interrupted,
    input: "given\n",
  });

describe("a step's program", () => {
  const never = new AbortController().signal;

  it("has its output, its input and its status", async () => {
    const ending = await run("cat; echo wrong >&2; exit 3", "own", 60, never);
    assert.deepEqual(ending, { by: "itself", status: 3 });
    assert.match(readFileSync(path.join(folder, "own"), "utf8"), /^--- .*\ngiven\nwrong\n$/s);
  });

  it("is interrupted, so that it can tidy up, when its time is over", async () => {
    const ending = await run("trap 'echo tidy; exit 0' INT; sleep 60 & wait", "limit", 0.5, never);
    assert.deepEqual(ending, { by: "limit" });
    assert.match(readFileSync(path.join(folder, "limit"), "utf8"), /tidy/);
  });

  it("is interrupted once when the experiment is", async () => {
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 300);
    const script = "trap 'echo told; exit 0' INT; sleep 60 & wait";
    assert.deepEqual(await run(script, "stop", 60, stop.signal), { by: "interruption" });
    const said = readFileSync(path.join(folder, "stop"), "utf8");
    assert.equal(said.match(/^told$/gm)?.length, 1);
  });
});

describe("why a step failed", () => {
  const reason = (text: string) => {
    const log = path.join(folder, "log");
    writeFileSync(log, text);
    return reasonIn(log);
  };

  it("is the sentence of a playbook or of pulumi, of the last attempt", () => {
    assert.equal(
      reason("--- 1 node\nplaybook: an old one\n--- 2 node\nfatal: …\nplaybook: no host x\n"),
      ": no host x",
    );
    assert.equal(
      reason("--- 1 pulumi up\n    error: update failed\n    error: no memory\n"),
      ": no memory",
    );
    assert.equal(reason("--- 1 pulumi up\nerror: no stack named x\n"), ": no stack named x");
    assert.equal(reason("--- 1 sh\nnothing\n"), "");
    assert.equal(reason(`--- 1 sh\nplaybook: ${"x".repeat(999)}\n`).length, 302);
  });
});

describe("a result's folder", () => {
  it("is named by the experiment and the time of its start", () => {
    const name = folderName("scale_out", new Date(2026, 10, 6, 7, 8, 9));
    assert.equal(name, "scale_out-2026-11-06-070809");
  });
});
