import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type KvmProbe, bootSector, decideDomainType } from "../../../tools/setup/kvm.ts";

function probe(answer: Awaited<ReturnType<KvmProbe["run"]>>, change: Partial<KvmProbe> = {}) {
  const calls: (readonly string[])[] = [];
  const run: KvmProbe["run"] = (command, args, seconds) => {
    calls.push([command, ...args, String(seconds)]);
    return Promise.resolve(answer);
  };
  const asked = { device: "accessible", arch: "x64", qemu: "/usr/bin/qemu", run, ...change };
  return { calls, decision: decideDomainType(asked as KvmProbe) };
}

const ended = { exitCode: 33, timedOut: false, output: "" };

describe("the KVM preflight", () => {
  it("believes a guest that ran", async () => {
    const { calls, decision } = probe(ended);
    assert.equal((await decision).domainType, "kvm");
    assert.ok(calls[0]?.includes("kvm"));
    assert.equal(calls[0]?.at(-1), "10");
  });

  it("calls a guest that hangs, or does not start, by its name", async () => {
    const hung = await probe({ exitCode: undefined, timedOut: true, output: "" }).decision;
    assert.equal(hung.domainType, "qemu");
    assert.match(hung.reason, /hung under \/dev\/kvm for 10 s/);
    const output = "warning: x\nfailed to initialize kvm: Permission denied\n";
    const refused = await probe({ exitCode: 1, timedOut: false, output }).decision;
    assert.equal(refused.domainType, "qemu");
    assert.match(refused.reason, /failed to initialize kvm/);
  });

  it("starts no guest where that could not tell anything", async () => {
    for (const [change, domainType] of [
      [{ device: "absent" }, "qemu"],
      [{ device: "forbidden" }, "kvm"],
      [{ arch: "arm64" }, "qemu"],
      [{ qemu: undefined }, "qemu"],
    ] as const) {
      const { calls, decision } = probe(ended, change);
      assert.equal((await decision).domainType, domainType);
      assert.deepEqual(calls, []);
    }
  });

  it("uses a guest of one boot sector", () => {
    const sector = bootSector();
    assert.equal(sector.length, 512);
    assert.equal(sector.readUInt16LE(510), 0xaa55);
  });
});
