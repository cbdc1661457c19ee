import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { execa } from "execa";
import { cpuSecondsOf, nameOf, pssOf } from "../../../tools/bench/memory.ts";

const SELF = String(process.pid);
/** Above any process id that Linux gives. */
const NOBODY = "99999999";

describe("what a process costs", () => {
  it("is what the kernel says of it", () => {
    const node = pssOf(SELF);
    assert.ok(node > 10 * 1024 && node < 2 * 1024 * 1024, String(node));
    const before = cpuSecondsOf(SELF);
    for (const end = Date.now() + 100; Date.now() < end;);
    const used = cpuSecondsOf(SELF) - before;
    assert.ok(used > 0.02 && used < 5, String(used));
  });

  it("is nothing once it has ended", () => {
    assert.deepEqual([pssOf(NOBODY), cpuSecondsOf(NOBODY), nameOf(NOBODY)], [0, 0, ""]);
  });

  it("is told by what runs in it", async () => {
    assert.equal(nameOf(SELF), "node");
    const runs = async (...argv: string[]) => {
      const [program = "", ...rest] = argv;
      const child = execa(program, rest, { reject: false, stdin: "pipe", stdout: "ignore" });
      const pid = String(child.pid);
      // Until the program that was asked for is what runs.
      for (const end = Date.now() + 5000; nameOf(pid) === "node" && Date.now() < end;) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      const name = nameOf(pid);
      child.kill();
      await child;
      return name;
    };
    const sleeper = ["-c", "read -r _; :", "/usr/lib/overcloud/bin/forked-service"];
    assert.equal(await runs("/bin/sh", ...sleeper, "nova-compute"), "forked-service");
    assert.equal(await runs("/bin/sh", "-c", "read -r _; :", "nova_compute.py"), "nova-compute");
    assert.equal(await runs("/bin/sleep", "10"), "sleep");
  });
});
