import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { checkHost, checkSettings } from "../../config/rules.ts";
import { checkMerging, readMergingFacts } from "../../config/sharing.ts";
import { ROOMY, settingsOf } from "../support/settings.ts";

const sharing = (value: string, raw: Record<string, unknown> = {}) =>
  settingsOf({ compute: { sharing: value }, ...raw });

describe("what computes share", () => {
  it("is nothing unless it is asked for, on any machine", () => {
    assert.equal(settingsOf().compute.sharing, "none");
    const bare = { ...ROOMY, merging: { kernel: "5.10.0-28-amd64", running: false } };
    for (const value of ["none", "forked"]) {
      assert.deepEqual(checkHost(sharing(value), bare), []);
      assert.deepEqual(checkSettings(sharing(value)), []);
    }
  });

  it("can't be merged by a kernel that merges nothing, and says what to do", () => {
    const off = { kernel: "6.12.48+deb13-amd64", running: false };
    const [problem, ...others] = checkHost(sharing("merged"), { ...ROOMY, merging: off });
    assert.deepEqual(others, []);
    assert.equal(problem?.key, "compute.sharing");
    assert.match(problem.message, /run `echo 1 \| sudo tee \/sys\/kernel\/mm\/ksm\/run`, or set/);
    assert.deepEqual(checkMerging(sharing("merged"), { ...off, running: true }), []);
    assert.deepEqual(checkMerging(sharing("merged", { computes: 0 }), off), []);
  });

  it("can't be merged by a kernel that is too old, whatever it runs", () => {
    const refused = (kernel: string) =>
      checkMerging(sharing("merged"), { kernel, running: true }).map(({ message }) => message);
    for (const kernel of ["6.6.87-1", "6.1.0-28-amd64", "5.15.0", "unheard of"]) {
      assert.match(refused(kernel).join(), /needs Linux 6\.7 or later, this is .*forked/, kernel);
    }
    for (const kernel of ["6.7.0", "6.12.48+deb13-amd64", "7.0-rc1", "10.2"]) {
      assert.deepEqual(refused(kernel), [], kernel);
    }
  });

  it("is nothing for computes of an overcloud's release", () => {
    const problems = checkSettings(sharing("forked", { controlPlane: "tripleo" }));
    assert.ok(problems.some(({ key }) => key === "compute.sharing"));
    const none = checkSettings(sharing("forked", { controlPlane: "tripleo", computes: 0 }));
    assert.ok(none.every(({ key }) => key !== "compute.sharing"));
  });

  it("decides how many fit", () => {
    const most = ["none", "forked", "merged"].map((value) => {
      const settings = sharing(value, { computes: 1000 });
      const [problem] = checkHost(settings, { ...ROOMY, memoryMb: 12_000 });
      return Number(/at most (\d+) fit/.exec(problem?.message ?? "")?.[1]);
    });
    assert.deepEqual(
      most,
      most.toSorted((a, b) => a - b),
    );
    assert.ok((most[1] ?? 0) > 2 * (most[0] ?? 0));
  });

  it("takes a name of its own, where there is something to share", () => {
    const foreign = { ...ROOMY, foreignNames: ["t-compute-parent"] };
    const keys = (value: string) => checkHost(sharing(value), foreign).map(({ key }) => key);
    assert.deepEqual(keys("forked"), ["names"]);
    assert.deepEqual(keys("none"), []);
  });

  it("is held against this machine's kernel", () => {
    const { kernel, running } = readMergingFacts();
    assert.match(kernel, /^\d+\.\d+/);
    assert.equal(typeof running, "boolean");
  });
});
