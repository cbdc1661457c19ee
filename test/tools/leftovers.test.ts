import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { hostname, tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { which } from "../../tools/setup/host.ts";
import { dropForeignSalt, endOrphans, releaseDeadLocks } from "../../tools/leftovers.ts";

describe("locks in the local backend", () => {
  const backend = mkdtempSync(path.join(tmpdir(), "overcloud-locks-"));
  after(() => rmSync(backend, { recursive: true }));
  const folder = path.join(backend, ".pulumi/locks/organization/overcloud/dev");
  mkdirSync(folder, { recursive: true });
  const lock = (name: string, content: unknown) => {
    const file = path.join(folder, `${name}.json`);
    writeFileSync(file, JSON.stringify(content));
    return file;
  };

  it("are removed where their pulumi is gone, and no others", async () => {
    // A process that looks like pulumi: its command has that name.
    const program = path.join(backend, "pulumi");
    copyFileSync(which("sleep") ?? "/bin/sleep", program);
    const running = spawn(program, ["60"], { stdio: "ignore" });
    await new Promise((resolve) => running.once("spawn", resolve));
    const live = lock("live", { pid: running.pid, hostname: hostname() });
    const other = lock("other", { pid: 1, hostname: "another-machine" });
    const dead = lock("dead", { pid: process.pid, hostname: hostname() }); // Recycled: not pulumi.
    const odd = lock("odd", "text");
    assert.deepEqual(releaseDeadLocks(backend), [
      `removed the lock that pulumi (pid ${process.pid}, no longer running) left on stack dev`,
    ]);
    running.kill();
    assert.deepEqual([live, other, dead, odd].map(existsSync), [true, true, false, true]);
  });

  it("are none where there is no backend yet", () => {
    assert.deepEqual(releaseDeadLocks(path.join(backend, "none")), []);
  });
});

describe("an encryptionsalt in a stack's file", () => {
  const root = mkdtempSync(path.join(tmpdir(), "overcloud-salt-"));
  after(() => rmSync(root, { recursive: true }));
  const backend = path.join(root, "backend");
  const file = path.join(root, "Pulumi.dev.yaml");
  const plain = '# ours\nconfig:\n  overcloud:computes: "3"\n';
  const salted = `${plain}encryptionsalt: v1:abc=:v1:def\n`;
  const drop = (text: string) => {
    writeFileSync(file, text);
    const said = dropForeignSalt(root, backend, "dev");
    return { said: said.length, text: readFileSync(file, "utf8") };
  };

  it("goes when the backend has no such stack, and nothing else of the file does", () => {
    assert.deepEqual(drop(salted), { said: 1, text: plain });
    assert.deepEqual(drop(plain), { said: 0, text: plain });
  });

  it("stays while secrets of the file, or the stack, need it", () => {
    const secret = `${plain}  overcloud:password:\n    secure: v1:x\nencryptionsalt: v1:abc\n`;
    assert.deepEqual(drop(secret), { said: 0, text: secret });
    mkdirSync(path.join(backend, ".pulumi/stacks/overcloud"), { recursive: true });
    writeFileSync(path.join(backend, ".pulumi/stacks/overcloud/dev.json"), "{}");
    assert.deepEqual(drop(salted), { said: 0, text: salted });
  });

  it("is nobody's where there is no file", () => {
    assert.deepEqual(dropForeignSalt(root, backend, "none"), []);
  });
});

describe("plugins in a project's folder", () => {
  const project = mkdtempSync(path.join(tmpdir(), "overcloud-orphans-"));
  after(() => rmSync(project, { recursive: true }));
  const program = path.join(project, "pulumi-resource-x");
  copyFileSync(which("sh") ?? "/bin/sh", program);

  /** Something that waits, and is called as plugins are; it is over in a minute. */
  async function plugin(port: number, cwd: string) {
    const argv = ["-c", "read line <&3", "plugin", `127.0.0.1:${port}`];
    const child = spawn(program, argv, { cwd, stdio: ["ignore", "ignore", "ignore", "pipe"] });
    await new Promise((resolve) => child.once("spawn", resolve));
    return child;
  }

  it("are ended where their engine is gone, and no others", async () => {
    const engine = createServer().listen(0, "127.0.0.1");
    await once(engine, "listening");
    const { port } = engine.address() as AddressInfo;
    const gone = createServer().listen(0, "127.0.0.1");
    await once(gone, "listening");
    const { port: nobody } = gone.address() as AddressInfo;
    gone.close();
    const used = await plugin(port, project);
    const elsewhere = await plugin(nobody, tmpdir());
    const orphan = await plugin(nobody, project);
    const ended = once(orphan, "exit");
    assert.deepEqual(await endOrphans(project), [
      `ended pulumi-resource-x of a pulumi that was killed (pid ${orphan.pid})`,
    ]);
    await ended;
    for (const child of [used, elsewhere]) {
      assert.deepEqual([child.exitCode, child.signalCode], [null, null]);
      const exit = once(child, "exit");
      child.kill();
      await exit;
    }
    engine.close();
    assert.deepEqual(await endOrphans(project), []);
  });
});
