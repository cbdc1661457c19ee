import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { planTopology } from "../../../components/libvirt/plan.ts";
import { libvirtSchema } from "../../../config/libvirt.ts";
import { sweepCommand } from "../../../tools/sweep.ts";
import { findInDocker } from "../../../tools/sweep/docker.ts";
import { KINDS, removeAll, type Finding, type Kind } from "../../../tools/sweep/findings.ts";
import { findFolder, findLocks, findProcesses, stepsOf } from "../../../tools/sweep/machine.ts";
import { ownerOf } from "../../../tools/sweep/stack.ts";
import { which } from "../../../tools/setup/host.ts";
import { pathsOf } from "../../../tools/setup/paths.ts";

const root = mkdtempSync(path.join(tmpdir(), "overcloud-sweep-"));
const children: ChildProcess[] = [];
after(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(root, { recursive: true });
});

async function start(program: string, ...args: string[]): Promise<number> {
  const child = spawn(program, args, { stdio: "ignore" });
  children.push(child);
  await once(child, "spawn");
  return child.pid ?? 0;
}

describe("what was found", () => {
  const finding = (kind: Kind, name: string, done: string[], failure?: Error): Finding => ({
    ...{ kind, name },
    remove: () => {
      done.push(name);
      return failure ? Promise.reject(failure) : Promise.resolve();
    },
  });

  it("is removed in the order in which one thing lets go of another", async () => {
    const done: string[] = [];
    await removeAll(KINDS.toReversed().map((kind) => finding(kind, kind, done)));
    assert.deepEqual(done, KINDS);
    const before = (a: Kind, b: Kind) => assert.ok(KINDS.indexOf(a) < KINDS.indexOf(b));
    before("process", "container");
    before("container", "network");
    before("container", "volume");
    before("container", "passage");
    before("passage", "network");
    before("domain", "libvirt network");
    before("domain", "pool");
  });

  it("is removed as far as it can be, and the rest is said with the reason", async () => {
    const done: string[] = [];
    const failure = Object.assign(new Error("Command failed"), {
      stderr: "Error: something\nnetwork x has active endpoints\nexit status 1\n",
    });
    const removals = await removeAll([
      finding("network", "x", done, failure),
      finding("volume", "y", done),
    ]);
    assert.deepEqual(done, ["x", "y"]);
    assert.deepEqual(
      removals.map(({ failure: reason }) => reason),
      ["network x has active endpoints", undefined],
    );
  });
});

describe("a network that docker does not let go of", () => {
  /** What is said of its removal where docker names these containers on it. */
  async function failureWith(users: string): Promise<string | undefined> {
    const folder = mkdtempSync(path.join(root, "docker-"));
    const script = `#!/bin/sh
case "$1 $2" in
"network ls") printf 'lab\\tbridge\\n' ;;
"network rm") echo 'Error: network lab id 1 has active endpoints' >&2; exit 1 ;;
"network inspect") echo '${users}' ;;
esac
`;
    writeFileSync(path.join(folder, "docker"), script, { mode: 0o755 });
    const before = process.env["PATH"];
    process.env["PATH"] = `${folder}:${before}`;
    try {
      const [removal] = await removeAll(await findInDocker("lab"));
      return removal?.failure;
    } finally {
      process.env["PATH"] = before;
    }
  }

  it("is said with what is on it, or with what mends it where nothing is", async () => {
    assert.match((await failureWith("")) ?? "", /: restart docker's daemon and sweep again$/);
    assert.match((await failureWith("web db ")) ?? "", /^it is used by web, db: remove or/);
  });
});

describe("what libvirt has of a stack", () => {
  const owner = ownerOf("lab", "lab");
  const plan = planTopology(libvirtSchema.parse({}), "lab", "lab");
  const xmlOf = (mac: string) => `<domain><interface><mac address='${mac}'/></interface></domain>`;

  it("is every machine of its plan, by name and MAC", () => {
    for (const { domainName, provisioning } of plan.nodes) {
      assert.ok(owner.names("domain", domainName), domainName);
      assert.ok(owner.confirms?.("domain", xmlOf(provisioning.mac)));
    }
  });

  it("is no machine of the same name with another MAC, nor of another name", () => {
    const [other] = planTopology(libvirtSchema.parse({}), "lab", "other").nodes;
    assert.equal(owner.confirms?.("domain", xmlOf(other?.provisioning.mac ?? "")), false);
    assert.equal(owner.confirms?.("domain", "<domain/>"), false);
    for (const name of [
      "lab",
      "lab2-compute-0",
      "lab-compute",
      "lab-compute-0-copy",
      "my-lab-compute-0",
      "lab-web-1",
    ]) {
      assert.equal(owner.names("domain", name), false, name);
    }
  });

  it("are its networks on their own bridges, and its pool with volumes of its prefix", () => {
    for (const { name, bridge } of Object.values(plan.networks)) {
      assert.ok(owner.names("network", name));
      assert.ok(
        owner.confirms?.("network", `<network><bridge name='${bridge}' stp='off'/></network>`),
      );
    }
    assert.equal(owner.confirms?.("network", "<network><bridge name='virbr0'/></network>"), false);
    assert.equal(owner.names("network", "lab-other"), false);
    assert.deepEqual(
      ["lab", "lab-x", "default"].map((name) => owner.names("pool", name)),
      [true, false, false],
    );
    assert.deepEqual(
      ["lab-base-12", "web.qcow2"].map((name) => owner.volume?.(name)),
      [true, false],
    );
  });
});

describe("what runs and lies about on the machine", () => {
  it("are the stack's own steps, which are ended, and nobody else's", async () => {
    const output = path.join(root, "output", "lab");
    const step = (stack: string) =>
      JSON.stringify({ name: "gen_ssh_key", directory: path.join(root, "output", stack, "logs") });
    const script = path.join(root, "components/step/run.ts");
    mkdirSync(path.dirname(script), { recursive: true });
    writeFileSync(script, "setTimeout(() => {}, 60_000);\n");
    const own = await start(process.execPath, script, step("lab"));
    const other = await start(process.execPath, script, step("lab2"));
    assert.deepEqual(stepsOf(output), [{ pid: own, name: "gen_ssh_key" }]);
    const removals = await removeAll(findProcesses(output));
    assert.deepEqual(
      removals.map(({ failure }) => failure),
      [undefined],
    );
    assert.deepEqual(stepsOf(output), []);
    assert.equal(stepsOf(path.join(root, "output", "lab2"))[0]?.pid, other);
  });

  it("is the stack's folder, and no other", async () => {
    const folders = ["lab", "lab2"].map((stack) => path.join(root, "output", stack));
    for (const folder of folders) {
      mkdirSync(path.join(folder, "logs"), { recursive: true });
      writeFileSync(path.join(folder, "logs", "x.log"), "");
    }
    const found = findFolder(folders[0] ?? "");
    assert.deepEqual(
      found.map(({ name, detail }) => [name, detail]),
      [[folders[0], "1 files"]],
    );
    await removeAll(found);
    assert.deepEqual(folders.map(existsSync), [false, true]);
    assert.deepEqual(findFolder(path.join(root, "output", "none")), []);
  });

  it("are the locks that dead processes left on it", async () => {
    const backend = path.join(root, "backend");
    const lock = (stack: string, content: object) => {
      const file = path.join(backend, ".pulumi/locks/organization/overcloud", stack, "a.json");
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, JSON.stringify(content));
      return file;
    };
    const dead = { pid: process.pid, hostname: hostname() };
    const files = [lock("lab", dead), lock("lab2", dead)];
    await removeAll(findLocks(backend, "lab"));
    assert.deepEqual(files.map(existsSync), [false, true]);
  });
});

describe("npm run sweep", () => {
  const lines: string[] = [];
  const run = (...args: string[]) => sweepCommand(args, (line) => lines.push(line), pathsOf(root));

  it("wants the name of a stack, which leads out of no folder", async () => {
    assert.equal(await run(), 2);
    for (const stack of ["..", "../x", "a/b", "", "-x", ".git"]) {
      await assert.rejects(run(`--stack=${stack}`), /is not the name of a stack/, stack);
    }
    await assert.rejects(run("--stack", "lab", "--names", "../x"), /is not a prefix of names/);
  });

  it("leaves a stack alone that a pulumi is at work on", async () => {
    const program = path.join(root, "pulumi");
    copyFileSync(which("sleep") ?? "/bin/sleep", program);
    const pid = await start(program, "60");
    const folder = path.join(root, ".state/backend/.pulumi/locks/organization/overcloud/busy");
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, "a.json"), JSON.stringify({ pid, hostname: hostname() }));
    const before = process.env["PULUMI_BACKEND_URL"];
    process.env["PULUMI_BACKEND_URL"] = `file://${path.join(root, ".state/backend")}`;
    try {
      assert.equal(await run("--stack", "busy", "--yes"), 1);
    } finally {
      if (before === undefined) delete process.env["PULUMI_BACKEND_URL"];
      else process.env["PULUMI_BACKEND_URL"] = before;
    }
    assert.match(
      lines.at(-1) ?? "",
      new RegExp(`pulumi \\(pid ${pid} on .*\\) is at work on busy`),
    );
  });
});
