import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { runStep as runInThisProcess } from "../../../components/step/run.ts";
import { runStep, startStep, type RunningStep } from "../../support/step.ts";

const root = mkdtempSync(path.join(tmpdir(), "overcloud-step-"));
after(() => rmSync(root, { recursive: true }));

let count = 0;
const folder = () => path.join(root, String((count += 1)), "logs");

const logOf = (directory: string, name = "probe") =>
  readFileSync(path.join(directory, `${name}.log`), "utf8");

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // Killed, but nobody has asked how it ended: as good as gone.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let waited = 0; !condition(); waited += 20) {
    if (waited > 15_000) assert.fail(`waited in vain until ${what}`);
    await sleep(20);
  }
}

/** Waits until the step's program has written its children's process ids as `pids: 1 2 3`. */
async function pidsOf(directory: string, name = "probe"): Promise<number[]> {
  const pattern = /^pids:((?: \d+)+)$/m;
  const file = path.join(directory, `${name}.log`);
  await until(() => existsSync(file) && pattern.test(readFileSync(file, "utf8")), "there are pids");
  return (pattern.exec(readFileSync(file, "utf8"))?.[1] ?? "").trim().split(" ").map(Number);
}

/** A program with a child; both hold the step's output open. */
const FAMILY = ["sh", "-c", 'sleep 300 & echo "pids: $$ $!"; wait'];

/** The same, deaf to requests to end. */
const STUBBORN = [
  "sh",
  "-c",
  'trap "" TERM INT HUP; sh -c "while :; do sleep 1; done" & echo "pids: $$ $!"; while :; do wait; sleep 1; done',
];

// Most of this is waiting: for time limits, grace periods and locks. All of it waits at the same time.
describe("steps", { concurrency: 8 }, () => {
  describe("a step on a disk that is full", { concurrency: true }, () => {
    it("ends with one sentence that says what can't be written, and its program with it", async () => {
      const directory = folder();
      mkdirSync(directory, { recursive: true });
      symlinkSync("/dev/full", path.join(directory, "probe.log"));
      const { status, stdout, stderr } = await runStep({
        ...{ name: "probe", timeoutSeconds: 30, directory, argv: ["sleep", "60"] },
      });
      assert.notEqual(status, 0);
      assert.equal(stdout, "");
      assert.match(
        stderr,
        /^Step probe failed: \S+\/probe\.log can't be written: ENOSPC: no space left on device, write \(log: \S+\)\n$/,
      );
    });

    it("says so where there can't even be a folder", async () => {
      const { status, stderr } = await runStep({
        ...{ name: "probe", timeoutSeconds: 30, directory: "/dev/full/logs", argv: ["true"] },
      });
      assert.notEqual(status, 0);
      assert.match(
        stderr,
        /^Step probe failed: \/dev\/full\/logs\/probe\.log can't be written: .*\n$/,
      );
    });
  });

  describe("a step that runs a program", { concurrency: true }, () => {
    it("gives it its arguments as they are, past any shell", async () => {
      const directory = folder();
      const words = ["a b", "$HOME", "`id`", "'\"", ";", "*", ""];
      const { status, stdout, stderr } = await runStep({
        name: "probe",
        directory,
        argv: ["printf", "<%s>\\n", ...words],
        timeoutSeconds: 20,
      });
      assert.equal(status, 0, stderr);
      for (const word of words) assert.ok(logOf(directory).includes(`<${word}>\n`), word);
      // What a program prints belongs into the log and not into Pulumi's state.
      assert.deepEqual([stdout, stderr], ["", ""]);
    });

    it("hands on the environment, where secrets travel, and no standard input", async () => {
      const directory = folder();
      const { status } = await runStep(
        {
          name: "probe",
          directory,
          argv: ["sh", "-c", 'echo "input: <$(cat)>, token: ${#TOKEN}"'],
          timeoutSeconds: 20,
        },
        { input: "not for programs", env: { TOKEN: "12345" } },
      );
      assert.equal(status, 0);
      assert.match(logOf(directory), /^input: <>, token: 5$/m);
    });

    it("gives it variables and a folder of its own besides what it inherits", async () => {
      const directory = folder();
      const argv = ["sh", "-c", 'echo "$MINE $OURS in $(pwd)"'];
      const { status, stderr } = await runStep(
        {
          name: "probe",
          directory,
          argv,
          environment: { MINE: "a b", OURS: "mine" },
          cwd: root,
          timeoutSeconds: 20,
        },
        { env: { OURS: "ours" } },
      );
      assert.equal(status, 0, stderr);
      assert.ok(logOf(directory).includes(`a b mine in ${root}\n`), logOf(directory));
    });

    it("says which folder is missing", async () => {
      const specification = { name: "probe", argv: ["true"], cwd: "/nowhere", timeoutSeconds: 20 };
      const { stderr } = await runStep({ ...specification, directory: folder() });
      assert.match(stderr, /true can't be started: there is no folder \/nowhere /);
    });

    it("logs everything with times, for its user alone, and adds to what is there", async () => {
      const directory = folder();
      const run = (text: string) =>
        runStep({ name: "probe", directory, argv: ["sh", "-c", text], timeoutSeconds: 20 });
      await run("echo first; echo aside >&2");
      await run("echo second; head -c 300000 /dev/zero | tr '\\0' x; echo");
      const log = logOf(directory);
      assert.equal(statSync(path.join(directory, "probe.log")).mode & 0o777, 0o600);
      assert.equal(statSync(directory).mode & 0o777, 0o700);
      for (const text of ["first", "aside", "second"])
        assert.match(log, new RegExp(`^${text}$`, "m"));
      assert.ok(log.includes("x".repeat(300_000)));
      assert.equal(log.match(/^\d{4}-\d\d-\d\dT[\d:.]+Z step probe starts$/gm)?.length, 2);
      assert.equal(log.match(/^\d{4}-\d\d-\d\dT[\d:.]+Z step probe is done$/gm)?.length, 2);
    });

    it("that fails says which step, how, its last words and where the log is", async () => {
      const directory = folder();
      const { status, stdout, stderr } = await runStep({
        name: "probe",
        directory,
        argv: [
          "sh",
          "-c",
          "for i in 1 2 3 4 5 6 7; do echo line $i; done; echo no space >&2; exit 3",
        ],
        timeoutSeconds: 20,
      });
      assert.equal(status, 1);
      assert.equal(stdout, "");
      assert.match(stderr, /^Step probe failed: sh ended with 3: .*no space/);
      assert.doesNotMatch(stderr, /line 1/);
      assert.ok(stderr.includes(`(log: ${directory}/probe.log)`), stderr);
      assert.equal(stderr.trim().split("\n").length, 1);
      assert.match(logOf(directory), /line 1\n[^]*step probe failed: /);
    });

    it("that fails after ansible's verdict quotes that, too", async () => {
      const directory = folder();
      const lines = ["fatal: [a]: old", "fatal: [b]: no space", ...[1, 2, 3, 4, 5, 6].map(String)];
      const argv = ["sh", "-c", 'printf "%s\\n" "$@"; exit 2', "sh", ...lines];
      const { stderr } = await runStep({ name: "probe", directory, argv, timeoutSeconds: 20 });
      assert.match(stderr, /ended with 2: fatal: \[b\]: no space \| 2 \| 3 \| 4 \| 5 \| 6 \(log: /);
    });

    it("that fails after a flood of output keeps its message short", async () => {
      const directory = folder();
      const { status, stderr } = await runStep({
        name: "probe",
        directory,
        argv: ["sh", "-c", "head -c 500000 /dev/zero | tr '\\0' x; echo; echo the end; exit 1"],
        timeoutSeconds: 20,
      });
      assert.equal(status, 1);
      assert.match(stderr, /the end/);
      assert.ok(stderr.length < 5000, String(stderr.length));
    });

    it("that a signal ended says which", async () => {
      const directory = folder();
      const argv = ["sh", "-c", "kill -SEGV $$"];
      const { status, stderr } = await runStep({
        name: "probe",
        directory,
        argv,
        timeoutSeconds: 20,
      });
      assert.equal(status, 1);
      assert.match(stderr, /Step probe failed: sh ended with SIGSEGV/);
    });

    it("that does not exist says so", async () => {
      const directory = folder();
      const { status, stderr } = await runStep({
        name: "probe",
        directory,
        argv: ["/nowhere/tool"],
        timeoutSeconds: 20,
      });
      assert.equal(status, 1);
      assert.match(stderr, /Step probe failed: \/nowhere\/tool can't be started: .*ENOENT/);
    });

    it("ends when the program does, and takes along what it left in its group", async () => {
      const directory = folder();
      const { status } = await runStep({
        name: "probe",
        directory,
        argv: ["sh", "-c", 'sleep 300 >/dev/null 2>&1 </dev/null & echo "pids: $!"'],
        timeoutSeconds: 20,
      });
      assert.equal(status, 0);
      const [left = 0] = await pidsOf(directory);
      await until(() => !isAlive(left), "the left process is gone");
    });
  });

  describe("the end of a step before its time", { concurrency: true }, () => {
    async function endsAll(step: RunningStep, directory: string, reason: RegExp): Promise<void> {
      const pids = await pidsOf(directory);
      assert.equal(pids.length, 2);
      const { status, stdout, stderr } = await step.ended;
      assert.equal(status, 1);
      assert.equal(stdout, "");
      assert.match(stderr, reason);
      assert.ok(stderr.includes(`${directory}/probe.log`));
      await until(() => !pids.some(isAlive), "the whole group is gone");
      // Nobody has to wait for its lock.
      assert.ok(!existsSync(path.join(directory, "probe.lock")));
    }

    it("is its time limit, for the program's children too", async () => {
      const directory = folder();
      const step = startStep({ name: "probe", directory, argv: FAMILY, timeoutSeconds: 1 });
      await endsAll(step, directory, /^Step probe failed: not done after 1 s/);
    });

    it("is forced after a grace period on a program that does not listen", async () => {
      const directory = folder();
      const started = Date.now();
      const step = startStep({ name: "probe", directory, argv: STUBBORN, timeoutSeconds: 1 });
      await endsAll(step, directory, /^Step probe failed: not done after 1 s/);
      assert.ok(Date.now() - started >= 5_000);
    });

    it("leaves the program time to clean up", async () => {
      const directory = folder();
      const script = 'trap "echo cleaned; exit 1" TERM; sleep 300 & echo "pids: $$ $!"; wait';
      const argv = ["sh", "-c", script];
      const step = startStep({ name: "probe", directory, argv, timeoutSeconds: 1 });
      await endsAll(step, directory, /not done after 1 s/);
      assert.match(logOf(directory), /^cleaned$/m);
    });

    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
      it(`is ${signal} to the step, for the whole group`, async () => {
        const directory = folder();
        const step = startStep({ name: "probe", directory, argv: FAMILY, timeoutSeconds: 60 });
        await pidsOf(directory);
        step.process.kill(signal);
        await endsAll(step, directory, new RegExp(`^Step probe failed: cancelled by ${signal}`));
      });
    }

    it("says how far the program was", async () => {
      const directory = folder();
      const argv = ["sh", "-c", "printf 'task 1\\n\\033[32mtask 2\\033[0m\\n'; sleep 30"];
      const { stderr } = await runStep({ name: "probe", directory, argv, timeoutSeconds: 1 });
      assert.match(stderr, /^Step probe failed: not done after 1 s: task 1 \| task 2 \(log: /);
    });

    for (const [family, argv] of Object.entries({ FAMILY, STUBBORN })) {
      it(`is SIGKILL to the step, for the whole group (${family})`, async () => {
        const directory = folder();
        const step = startStep({ name: "probe", directory, argv, timeoutSeconds: 60 });
        const pids = await pidsOf(directory);
        assert.ok(pids.every(isAlive));
        step.process.kill("SIGKILL");
        await step.ended;
        await until(() => !pids.some(isAlive), "the whole group is gone");
        // The next run takes over, and never beside what the killed one had started.
        const next = { name: "probe", directory, argv: ["true"], timeoutSeconds: 10 };
        assert.equal((await runStep(next)).status, 0);
      });
    }

    it("is seen through by an impatient user's second Ctrl-C", async () => {
      const directory = folder();
      const step = startStep({ name: "probe", directory, argv: STUBBORN, timeoutSeconds: 60 });
      await pidsOf(directory);
      step.process.kill("SIGINT");
      await sleep(300);
      step.process.kill("SIGINT");
      step.process.kill("SIGTERM");
      await endsAll(step, directory, /cancelled by SIGINT/);
    });
  });

  describe("two runs of one step", { concurrency: true }, () => {
    it("come one after the other", async () => {
      const directory = folder();
      const argv = ["sh", "-c", "echo begin; sleep 1; echo end"];
      const specification = { name: "probe", directory, argv, timeoutSeconds: 30 };
      const both = await Promise.all([runStep(specification), runStep(specification)]);
      assert.deepEqual(
        both.map(({ status }) => status),
        [0, 0],
      );
      assert.deepEqual(logOf(directory).match(/^(begin|end)$/gm), ["begin", "end", "begin", "end"]);
    });

    it("are kept apart by a lock, without which a run and its program end", async () => {
      const directory = folder();
      const specification = { name: "probe", directory, argv: FAMILY, timeoutSeconds: 60 };
      const run = startStep(specification);
      const pids = await pidsOf(directory);
      rmSync(path.join(directory, "probe.lock"), { recursive: true });
      const { status, stderr } = await run.ended;
      assert.equal(status, 1);
      assert.match(
        stderr,
        /^Step probe failed: its lock \S+\/probe\.lock was taken away: pids: [\d ]+ \(log: \S+\)\n$/,
      );
      await until(() => !pids.some(isAlive), "the program is gone");
    });

    it("that would take too long for each other are refused in one sentence", async () => {
      const directory = folder();
      const argv = ["sh", "-c", "echo run; sleep 30"];
      const specification = { name: "probe", directory, argv, timeoutSeconds: 60 };
      const first = startStep(specification);
      await until(
        () => existsSync(directory) && existsSync(path.join(directory, "probe.lock")),
        "the first has its lock",
      );
      const { status, stderr } = await runStep({ ...specification, timeoutSeconds: 1 });
      assert.equal(status, 1);
      assert.match(
        stderr,
        /^another run of step probe is at work; waiting for it\nStep probe is already running; wait for the other `pulumi` to end\.\n$/,
      );
      assert.equal(logOf(directory).match(/^run$/gm)?.length, 1);
      first.process.kill("SIGTERM");
      await first.ended;
    });

    it("wait for each other for as long as one may take", async () => {
      const directory = folder();
      const specification = { name: "probe", directory, timeoutSeconds: 40 };
      const first = startStep({ ...specification, argv: ["sh", "-c", "sleep 14; echo one"] });
      await until(() => existsSync(path.join(directory, "probe.lock")), "the first has its lock");
      const second = await runStep({ ...specification, argv: ["echo", "two"] });
      assert.equal(second.status, 0, second.stderr);
      await first.ended;
      assert.deepEqual(logOf(directory).match(/^(one|two)$/gm), ["one", "two"]);
    });

    it("do not keep other steps of the stack waiting", async () => {
      const directory = folder();
      const slow = startStep({
        name: "slow",
        directory,
        argv: ["sh", "-c", "echo run; sleep 30"],
        timeoutSeconds: 60,
      });
      await until(() => existsSync(path.join(directory, "slow.lock")), "slow has its lock");
      const other = { name: "other", directory, argv: ["true"], timeoutSeconds: 10 };
      assert.equal((await runStep(other)).status, 0);
      assert.equal(slow.process.exitCode, null);
      slow.process.kill("SIGTERM");
      await slow.ended;
    });

    it("are no problem where the first was killed: its lock is taken over", async () => {
      const directory = folder();
      const first = startStep({ name: "probe", directory, argv: FAMILY, timeoutSeconds: 60 });
      const [program = 0] = await pidsOf(directory);
      first.process.kill("SIGKILL");
      process.kill(-program, "SIGKILL"); // What nobody is left to end.
      await first.ended;
      assert.ok(existsSync(path.join(directory, "probe.lock")));
      const second = { name: "probe", directory, argv: ["echo", "again"], timeoutSeconds: 10 };
      const { status, stderr } = await runStep(second);
      assert.equal(status, 0, stderr);
      assert.match(logOf(directory), /^again$/m);
    });
  });

  describe("a step that runs an action", { concurrency: true }, () => {
    it("ends with its result as one line of JSON, which is in no log", async () => {
      const directory = folder();
      const specification = { name: "probe", directory, action: "credentials/generate" };
      const { status, stdout, stderr } = await runStep({ ...specification, timeoutSeconds: 20 });
      assert.equal(status, 0, stderr);
      const [line = "", ...rest] = stdout.split("\n");
      assert.deepEqual(rest, [""]);
      const seed = JSON.parse(line) as string;
      assert.ok(seed.length >= 32);
      assert.ok(!(logOf(directory) + stderr).includes(seed));
    });

    it("is told its result of the time before, where Pulumi hands that on", async () => {
      const guarded = { computes: 0, leaving: [], departure: "2026-01-01T00:00:00.000Z" };
      const specification = {
        ...{ name: "probe", timeoutSeconds: 30, directory: folder(), action: "compute/guard" },
        args: { cloudsYaml: "/none", computes: 0, listComputes: [] },
      };
      const told = { env: { PULUMI_COMMAND_STDOUT: JSON.stringify(guarded) } };
      assert.deepEqual(JSON.parse((await runStep(specification, told)).stdout), guarded);
      const { stdout } = await runStep(specification);
      assert.deepEqual(JSON.parse(stdout), { ...guarded, departure: "" });
    });

    it("that nobody knows fails and says so, even by a name that every object has", async () => {
      for (const action of ["standalone/dance", "constructor", "__proto__", ""]) {
        const directory = folder();
        const specification = { name: "probe", directory, action, timeoutSeconds: 20 };
        const { status, stderr } = await runStep(specification);
        assert.equal(status, 1, action);
        assert.match(stderr, /^Step probe failed: there is no action /, action);
      }
    });

    it("writes the user's files from standard input, 0600 in folders of 0700, and logs no secret", async () => {
      const directory = folder();
      const target = path.join(directory, "../files/sub");
      const args = { directory: target, names: ["clouds.yaml", "openrc"] };
      const specification = { name: "probe", directory, action: "access/write", args };
      const write = (contents: unknown) =>
        runStep({ ...specification, timeoutSeconds: 20 }, { input: JSON.stringify(contents) });
      const contents = { "clouds.yaml": "pässword-1\n", openrc: "password-2" };
      const { status, stdout, stderr } = await write(contents);
      assert.equal(status, 0, stderr);
      assert.deepEqual(JSON.parse(stdout), ["clouds.yaml", "openrc"]);
      for (const [name, content] of Object.entries(contents)) {
        const file = path.join(target, name);
        assert.equal(readFileSync(file, "utf8"), content);
        assert.equal(statSync(file).mode & 0o777, 0o600);
        assert.ok(!existsSync(`${file}.new`));
      }
      assert.equal(statSync(target).mode & 0o777, 0o700);
      assert.doesNotMatch(logOf(directory) + stdout + stderr, /p[aä]ssword/);

      await write({ ...contents, openrc: "changed" });
      assert.equal(readFileSync(path.join(target, "openrc"), "utf8"), "changed");
      assert.equal(statSync(path.join(target, "openrc")).mode & 0o777, 0o600);

      const partial = await write({ openrc: "alone" });
      assert.equal(partial.status, 1);
      assert.match(partial.stderr, /no content was given for clouds\.yaml/);
      assert.equal((await write(["x"])).status, 1);
    });

    it("removes the stack's whole folder, its own log and lock with it, as often as asked", async () => {
      const directory = folder();
      const target = path.dirname(directory);
      const specification = { name: "probe", directory, timeoutSeconds: 20 };
      await runStep({ ...specification, argv: ["true"] });
      assert.ok(existsSync(path.join(directory, "probe.log")));
      for (const time of ["first", "second"]) {
        const { status, stderr } = await runStep({
          ...specification,
          action: "access/remove",
          args: { directory: target, names: ["openrc"] },
        });
        assert.equal(status, 0, `${time}: ${stderr}`);
        assert.ok(!existsSync(target), time);
      }
    });
  });

  describe("a specification that makes no sense", () => {
    const good = { name: "probe", directory: folder(), argv: ["true"], timeoutSeconds: 5 };
    const cases: [string, unknown][] = [
      ["is no JSON", "{"],
      ["is empty", ""],
      ["leaves the folder by its name", { ...good, name: "../probe" }],
      ["has no time limit", { ...good, timeoutSeconds: undefined }],
      ["has a time limit of nothing", { ...good, timeoutSeconds: 0 }],
      ["has no program", { ...good, argv: [] }],
      ["has a key that nobody reads", { ...good, shell: true }],
      ["has nothing to do", { ...good, argv: undefined }],
      ["has two things to do", { ...good, action: "credentials/generate" }],
    ];
    for (const [what, specification] of cases) {
      it(`is refused before anything happens: it ${what}`, async () => {
        const text =
          typeof specification === "string" ? specification : JSON.stringify(specification);
        await assert.rejects(runInThisProcess(text));
        assert.ok(!existsSync(good.directory));
      });
    }

    it("is told without a stack trace", async () => {
      const { status, stdout, stderr } = await runStep(JSON.stringify({ ...good, shell: true }));
      assert.equal(status, 1);
      assert.equal(stdout, "");
      assert.match(stderr, /shell/);
      assert.doesNotMatch(stderr, /^\s+at /m);
    });
  });
});
