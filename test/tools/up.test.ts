import assert from "node:assert/strict";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { spawn } from "node:child_process";
import { hostname, tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { detectBackend } from "../../tools/setup/environment.ts";
import { which } from "../../tools/setup/host.ts";
import { pathsOf } from "../../tools/setup/paths.ts";
import { up } from "../../tools/up.ts";

describe("npm run up", () => {
  const root = mkdtempSync(path.join(tmpdir(), "overcloud-up-"));
  const bin = path.join(root, "bin");
  mkdirSync(bin);
  const calls = path.join(root, "calls");
  const paths = pathsOf(root);
  // Notes what it is called with, and answers like a pulumi whose stack has nothing.
  const pulumi = `#!/bin/sh\necho "$*" >> "${calls}"\necho '{"deployment":{}}'\n`;
  writeFileSync(path.join(bin, "pulumi"), pulumi, { mode: 0o755 });
  const env = { HOME: root, PATH: `${bin}:/usr/bin:/bin` };
  const context = { paths, childEnv: env, backend: detectBackend(paths, env) };
  const said: string[] = [];
  const run = (stack: string) => up(context, stack, [], (line) => said.push(line));
  after(() => rmSync(root, { recursive: true }));

  it("touches nothing of a stack that another pulumi is at work on", async () => {
    // A process that looks like pulumi: its command has that name.
    const program = path.join(root, "pulumi");
    copyFileSync(which("sleep") ?? "/bin/sleep", program);
    const running = spawn(program, ["60"], { stdio: "ignore" });
    await new Promise((resolve) => running.once("spawn", resolve));
    const folder = path.join(paths.state, "backend/.pulumi/locks/organization/overcloud/busy");
    mkdirSync(folder, { recursive: true });
    const lock = { pid: running.pid, hostname: hostname() };
    writeFileSync(path.join(folder, "a.json"), JSON.stringify(lock));
    assert.equal(await run("busy"), 1);
    running.kill();
    assert.deepEqual(said, [
      `up: pulumi (pid ${running.pid} on ${hostname()}) is at work on busy: wait for it, or end it`,
    ]);
    assert.ok(!existsSync(calls), "pulumi was not called");
  });

  it("deploys a stack that nobody is at work on", async () => {
    assert.equal(await run("idle"), 0);
    assert.match(readFileSync(calls, "utf8"), /^up --yes --stack idle$/m);
    assert.ok(said.includes("Stack idle is up."));
  });
});
