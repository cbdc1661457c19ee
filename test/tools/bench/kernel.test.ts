import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { readKernelLimits } from "../../../config/limits.ts";
import { limitsFor, withKernel } from "../../../tools/bench/kernel.ts";

describe("kernel values of a benchmark", () => {
  const folder = mkdtempSync(join(tmpdir(), "kernel-"));
  after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "value");
  const missing = join(folder, "missing");

  it("are set while it runs, and set back also when it fails", async () => {
    writeFileSync(file, "1\n");
    const seen = await withKernel({ [file]: "2", [missing]: "3" }, () =>
      Promise.resolve(readFileSync(file, "utf8")),
    );
    assert.equal(seen, "2");
    assert.equal(readFileSync(file, "utf8"), "1");
    const failing = withKernel({ [file]: "2" }, () => Promise.reject(new Error("of the work")));
    await assert.rejects(failing, /of the work/);
    assert.equal(readFileSync(file, "utf8"), "1");
  });

  it("are the limits that are too low here", () => {
    assert.deepEqual(limitsFor(0), {});
    // No machine has so many by itself.
    const raised = limitsFor(1_000_000);
    assert.equal(raised["/proc/sys/net/ipv4/neigh/default/gc_thresh3"], "12001000");
    assert.equal(raised["/proc/sys/net/ipv4/neigh/default/gc_thresh2"], "12001000");
    assert.ok((readKernelLimits().neighbours ?? 0) < 12_001_000);
  });
});
