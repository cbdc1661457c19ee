import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { awaitStopping, stopping } from "../../tools/stopping.ts";

const events = (...each: [action: string, name: string][]) =>
  each.map((fields) => fields.join("\t")).join("\n");

describe("containers that docker is about to stop", () => {
  it("are those with a signal and no end", () => {
    const seen = events(["kill", "lab-compute-0"], ["kill", "lab-compute-1"]);
    assert.deepEqual(stopping(seen), ["lab-compute-0", "lab-compute-1"]);
  });

  it("are none that have ended, by the signal or one after it", () => {
    const seen = events(
      ["kill", "lab-compute-0"],
      ["kill", "lab-compute-1"],
      ["kill", "lab-compute-0"],
      ["die", "lab-compute-0"],
    );
    assert.deepEqual(stopping(seen), ["lab-compute-1"]);
  });

  it("are those with a signal after they had ended and begun again", () => {
    assert.deepEqual(stopping(events(["die", "lab-mariadb"], ["kill", "lab-mariadb"])), [
      "lab-mariadb",
    ]);
  });

  it("are none where docker says nothing", () => {
    assert.deepEqual(stopping(""), []);
  });
});

describe("waiting for them", () => {
  const bin = mkdtempSync(path.join(tmpdir(), "overcloud-stopping-"));
  const savedPath = process.env["PATH"];
  process.env["PATH"] = `${bin}:/usr/bin:/bin`;
  after(() => {
    process.env["PATH"] = savedPath;
    rmSync(bin, { recursive: true });
  });

  function docker(script: string): void {
    const file = path.join(bin, "docker");
    writeFileSync(file, `#!/bin/sh\n${script}\n`);
    chmodSync(file, 0o755);
  }

  it("ends when they no longer run, others may", async () => {
    const looks = path.join(bin, "looks");
    docker(`
      case "$1" in
        events) printf 'kill\\tlab-compute-0\\n' ;;
        ps) echo lab-mariadb; echo >> ${looks}; [ $(wc -l < ${looks}) -ge 3 ] || echo lab-compute-0 ;;
      esac`);
    assert.deepEqual(await awaitStopping("lab"), [
      "waited for lab-compute-0, which docker had been asked to stop",
    ]);
  });

  it("is none where none is about to stop, or docker does not answer", async () => {
    for (const script of ["exit 0", "exit 1"]) {
      docker(script);
      assert.deepEqual(await awaitStopping("lab"), []);
    }
  });
});
