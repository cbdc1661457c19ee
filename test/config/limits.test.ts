import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { limitWarnings, readKernelLimits } from "../../config/limits.ts";

/** As a distribution sets them. */
const USUAL = {
  neighbours: 1024,
  neighboursKept: 512,
  pids: 4_194_304,
  inotifyInstances: 128,
  cgroup2: true,
};

describe("limits of the kernel", () => {
  it("are nobody's business with a few computes", () => {
    assert.deepEqual(limitWarnings({ computes: 49 }, { ...USUAL, pids: 1000 }), []);
  });

  it("are named with what is there, what is needed and what to run", () => {
    const [neighbours, instances, ...others] = limitWarnings({ computes: 100 }, USUAL);
    assert.deepEqual(others, []);
    assert.match(
      neighbours ?? "",
      /^100 computes need about 2200 of \S+gc_thresh3 and \S+gc_thresh2,/,
    );
    assert.match(neighbours ?? "", /, this machine has 1024 and 512; otherwise services lose/);
    const order =
      "`sudo sysctl -w net.ipv4.neigh.default.gc_thresh3=2200 net.ipv4.neigh.default.gc_thresh2=2200`";
    assert.ok(neighbours?.endsWith(order), neighbours);
    assert.match(instances ?? "", /need about 164 of fs\.inotify\.max_user_instances/);
    const [pids] = limitWarnings({ computes: 1000 }, { pids: 32_768, cgroup2: false });
    assert.match(pids ?? "", /need about 41000 of kernel\.pid_max/);
  });

  it("are named alone where others of the same purpose are enough", () => {
    const [neighbours] = limitWarnings({ computes: 100 }, { ...USUAL, neighbours: 4096 });
    assert.match(
      neighbours ?? "",
      /2200 of net\.ipv4\.neigh\.default\.gc_thresh2, this machine has 512;/,
    );
    assert.match(neighbours ?? "", /-w net\.ipv4\.neigh\.default\.gc_thresh2=2200`$/);
  });

  it("are not warned of where they are enough, don't apply or can't be read", () => {
    const enough = {
      neighbours: 20_000,
      neighboursKept: 20_000,
      pids: 100_000,
      inotifyInstances: 2000,
      cgroup2: true,
    };
    assert.deepEqual(limitWarnings({ computes: 1000 }, enough), []);
    assert.deepEqual(limitWarnings({ computes: 1000 }, { cgroup2: true }), []);
    const first = { ...enough, inotifyInstances: 1, cgroup2: false };
    assert.deepEqual(limitWarnings({ computes: 1000 }, first), []);
  });

  it("are read from this machine", () => {
    const { neighbours, neighboursKept, pids } = readKernelLimits();
    assert.ok((neighbours ?? 0) >= (neighboursKept ?? Infinity) && (pids ?? 0) > 0);
  });
});
