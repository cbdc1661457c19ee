import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { after, describe, it } from "node:test";
import { readSamples } from "../../../tools/experiment/result.ts";
import {
  cgroupFiles,
  cpuSecondsIn,
  memoryBytesIn,
} from "../../../tools/experiment/sampler/cgroup.ts";
import { Rate, type Probe, type Values } from "../../../tools/experiment/sampler/probe.ts";
import { Sampler } from "../../../tools/experiment/sampler/sampler.ts";

const folder = mkdtempSync(path.join(tmpdir(), "overcloud-sampler-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** A probe that answers as told. */
function probe(name: string, read: () => Promise<Values>, changes: Partial<Probe> = {}) {
  const closed = { times: 0 };
  const close = () => void (closed.times += 1);
  return { name, parallel: 1, share: 1, read, close, closed, ...changes };
}

describe("the sampler", () => {
  it("has each probe's samples by the time at which they were asked for", async () => {
    const file = path.join(folder, "samples.ndjson");
    const start = performance.now();
    let looks = 0;
    const steady = probe("steady", () => Promise.resolve({ value: (looks += 1) }));
    const broken = probe("broken", () => Promise.reject(new Error("it is down")));
    // Each answer takes longer than an interval, later ones less long: they come in another order.
    let delay = 120;
    const slow = probe(
      "slow",
      async () => {
        const mine = (delay = Math.max(5, delay - 60));
        await sleep(mine);
        return { took: mine };
      },
      { parallel: 3 },
    );
    const stuck = probe("stuck", () => new Promise<Values>(() => {}));
    const now = () => (performance.now() - start) / 1000;
    const sampler = new Sampler([steady, broken, slow, stuck], file, 0.05, now);
    sampler.start();
    await sleep(400);
    await sampler.stop();
    const samples = readSamples(file);
    const { seconds = [], series = {} } = samples["steady"] ?? {};
    assert.ok(seconds.length >= 3 && seconds.length <= 9, `${seconds.length} samples`);
    assert.deepEqual(
      series["value"],
      seconds.map((_, index) => index + 1),
    );
    // A probe that fails was asked, and has no value; one that never answers holds up no other.
    assert.ok((samples["broken"]?.seconds.length ?? 0) >= 3);
    assert.deepEqual(samples["broken"]?.series, {});
    assert.equal(sampler.errors.get("broken"), "it is down");
    assert.equal(samples["stuck"], undefined);
    const slowAt = samples["slow"]?.seconds ?? [];
    assert.deepEqual(
      slowAt,
      slowAt.toSorted((a, b) => a - b),
    );
    assert.equal(sampler.latest["steady.value"], seconds.length);
    for (const { closed } of [steady, broken, slow, stuck]) assert.equal(closed.times, 1);
  });

  it("asks those less often that take a large share of the time", async () => {
    const file = path.join(folder, "bounded.ndjson");
    const dear = probe("dear", () => sleep(20).then(() => ({ value: 1 })), { share: 0.1 });
    const sampler = new Sampler([dear], file, 0.02, () => performance.now() / 1000);
    sampler.start();
    await sleep(500);
    await sampler.stop();
    const asked = readSamples(file)["dear"]?.seconds.length ?? 0;
    assert.ok(asked >= 1 && asked <= 4, `${asked} in 500 ms, each of 20 ms`);
  });

  it("does without a line that a crash cut off", () => {
    const file = path.join(folder, "cut.ndjson");
    writeFileSync(file, '{"seconds":1,"probe":"a","values":{"x":5}}\n{"seconds":2,"pro');
    assert.deepEqual(readSamples(file), { a: { seconds: [1], series: { x: [5] } } });
    assert.deepEqual(readSamples(path.join(folder, "none")), {});
  });
});

describe("a rate", () => {
  it("is not known at first, nor after who counts was started again", () => {
    const rate = new Rate();
    assert.equal(rate.next(100, 10), null);
    assert.equal(rate.next(120, 12), 10);
    assert.equal(rate.next(5, 14), null);
    assert.equal(rate.next(9, 16), 2);
  });
});

describe("the kernel's account of a container", () => {
  it("is found in both hierarchies of control groups", () => {
    const second = cgroupFiles("0::/system.slice/docker-abc.scope\n");
    assert.equal(second?.memory, "/sys/fs/cgroup/system.slice/docker-abc.scope/memory.stat");
    assert.equal(second?.cpuKey, "usage_usec");
    const first = cgroupFiles("4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n0::/docker/abc\n");
    assert.equal(first?.memory, "/sys/fs/cgroup/memory/docker/abc/memory.stat");
    assert.equal(first?.cpu, "/sys/fs/cgroup/cpuacct/docker/abc/cpuacct.usage");
    assert.equal(cgroupFiles(""), undefined);
  });

  it("tells memory and time, and nothing of a container that is gone", async () => {
    const memory = path.join(folder, "memory.stat");
    const cpu = path.join(folder, "cpu.stat");
    writeFileSync(memory, "file 1\nanon 2048\nanon_thp 3\n");
    writeFileSync(cpu, "usage_usec 1500000\nuser_usec 1\n");
    const files = { memory, cpu, memoryKey: "anon", cpuKey: "usage_usec" } as const;
    assert.equal(await memoryBytesIn(files), 2048);
    assert.equal(await cpuSecondsIn(files), 1.5);
    writeFileSync(cpu, "2500000000\n");
    assert.equal(await cpuSecondsIn({ ...files, cpuKey: undefined }), 2.5);
    const gone = { ...files, memory: `${memory}.none`, cpu: `${cpu}.none` };
    assert.equal(await memoryBytesIn(gone), null);
    assert.equal(await cpuSecondsIn(gone), null);
    assert.equal(await cpuSecondsIn({ ...gone, cpuKey: undefined }), null);
    assert.equal(await memoryBytesIn(undefined), null);
  });
});
