import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { stopDaemons } from "../../../tools/daemons-stop.ts";
import { DaemonBook, identify, isAlive, withLock } from "../../../tools/setup/daemons.ts";
import { isRoot } from "../../../tools/setup/host.ts";
import { pathsOf } from "../../../tools/setup/paths.ts";

const folder = mkdtempSync(path.join(tmpdir(), "overcloud-daemons-"));
after(() => rmSync(folder, { recursive: true }));

describe(
  "daemons that set-up started",
  { skip: isRoot() ? false : "starting daemons takes root" },
  () => {
    const paths = pathsOf(folder);
    const book = new DaemonBook(paths.run);
    const log = path.join(folder, "daemon.log");

    it("run on in a session of their own, write to their log, and are stopped by name", async () => {
      const started = await book.start("waiter", ["sh", "-c", "echo here; exec sleep 600"], log);
      assert.deepEqual(book.find("waiter"), started);
      const stat = readFileSync(`/proc/${started.pid}/stat`, "utf8");
      const session = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[3];
      assert.equal(Number(session), started.pid);
      const patience = AbortSignal.timeout(30_000);
      while (readFileSync(log, "utf8") === "") {
        await sleep(20, undefined, { signal: patience });
      }
      const said: string[] = [];
      assert.equal(await stopDaemons(paths, (line) => said.push(line)), 0);
      assert.deepEqual(said, [`daemons-stop: stopped waiter (pid ${started.pid})`]);
      assert.equal(isAlive(started), false);
      assert.equal(readFileSync(log, "utf8"), "here\n");
      assert.deepEqual(book.names(), []);
    });

    it("are never mixed up with a later process of the same pid", async () => {
      const started = await book.start("waiter", ["sleep", "600"], log);
      const file = path.join(paths.run, "waiter.pid");
      const earlier = { ...started, startTime: String(Number(started.startTime) - 1) };
      writeFileSync(file, JSON.stringify(earlier));
      assert.equal(await book.stop("waiter"), "waiter had ended already");
      assert.ok(isAlive(started));
      writeFileSync(file, JSON.stringify({ ...started, bootId: "another boot" }));
      assert.equal(await book.stop("waiter"), "waiter had ended already");
      assert.ok(isAlive(started));
      process.kill(started.pid);
    });
  },
);

describe("the lock of set-up", () => {
  it("lets one work at a time", async () => {
    const file = path.join(folder, "one.lock");
    const order: string[] = [];
    const work = (name: string) =>
      withLock(
        file,
        () => order.push(`${name} waits`),
        async () => {
          order.push(`${name} starts`);
          await new Promise((resolve) => setTimeout(resolve, 50));
          order.push(`${name} ends`);
        },
      );
    await Promise.all([work("a"), work("b")]);
    assert.deepEqual(order, ["a starts", "b waits", "a ends", "b starts", "b ends"]);
  });

  it("is taken over from a process that is gone", async () => {
    const file = path.join(folder, "stale.lock");
    const gone = { ...identify(process.pid), startTime: "1" };
    writeFileSync(file, JSON.stringify(gone));
    const answer = await withLock(
      file,
      () => assert.fail("nothing to wait for"),
      () => Promise.resolve("done"),
    );
    assert.equal(answer, "done");
  });
});
