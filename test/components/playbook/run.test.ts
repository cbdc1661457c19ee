import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { Progress } from "../../../components/playbook/progress.ts";
import { judge, type PlaybookRun } from "../../../components/playbook/run.ts";
import { hideSecrets } from "../../../components/step/secrets.ts";
import { runStep, startStep } from "../../support/step.ts";

const folder = mkdtempSync(path.join(tmpdir(), "overcloud-run-"));
after(() => rmSync(folder, { recursive: true }));
const file = (name: string) => path.join(folder, name);

writeFileSync(
  file("inventory.yml"),
  "all: { children: { here: { hosts: { localhost: { ansible_connection: local } } } } }\n",
);
writeFileSync(
  file("site.yml"),
  `
- name: Here
  hosts: here
  gather_facts: false
  vars: { ansible_python_interpreter: "{{ ansible_playbook_python }}" }
  tasks:
    - name: Say it
      ansible.builtin.debug: { msg: "it is {{ word }}, into {{ overcloud_result_file }}" }
      tags: [say]
    - name: Fail with it
      ansible.builtin.fail: { msg: "failed with {{ word }}" }
      when: fails | default(false)
    - name: Wait
      ansible.builtin.shell: echo $$ > ${file("pid")}; exec sleep 300
      when: waits | default(false)
`,
);

const WORD = 'a "secret" w0rd';

function specification(name: string) {
  const args = {
    inventory: file("inventory.yml"),
    cloud: { cloudsYaml: file("clouds.yaml"), cloud: "lab" },
  };
  return { name, directory: file("logs"), action: "playbook/run", args, timeoutSeconds: 120 };
}

const input = (run: Partial<PlaybookRun>) =>
  JSON.stringify({
    ...{ name: "site", playbook: file("site.yml"), tags: [], skipTags: [] },
    ...{ secret: true, resultFile: "/out/site.json", timeoutMinutes: 5 },
    ...run,
    extraVars: { word: WORD, ...run.extraVars },
  } satisfies PlaybookRun);

const logOf = (name: string) => readFileSync(file(`logs/${name}.log`), "utf8");

describe("a playbook in a step", { concurrency: 2 }, () => {
  it("runs with its variables, tells of its tasks and shows no secret", async () => {
    const ended = await runStep(specification("well"), { input: input({ tags: ["say"] }) });
    assert.equal(ended.status, 0, ended.stderr);
    assert.match(ended.stderr, /^task "Say it"$/m);
    const { localhost } = JSON.parse(ended.stdout) as { localhost: { ok: number } };
    assert.equal(localhost.ok, 1);
    assert.match(logOf("well"), /it is \[secret\], into \/out\/site\.json/);
    assert.ok(!logOf("well").includes("w0rd"));
  });

  it("fails with the task, the host and the reason, and shows no secret in it", async () => {
    const extraVars = { fails: true };
    const ended = await runStep(specification("badly"), { input: input({ extraVars }) });
    assert.notEqual(ended.status, 0);
    assert.match(
      ended.stderr,
      /Step badly failed: "Fail with it" failed on localhost: failed with \[secret\] \(log: /,
    );
    assert.ok(!(ended.stderr + logOf("badly")).includes("w0rd"));
  });

  it("fails where nothing ran, and where the limit names nobody", async () => {
    const cases: [Partial<PlaybookRun>, RegExp][] = [
      [
        { tags: ["never-heard-of"] },
        /nothing ran: .*site\.yml has no task that has the tags never/,
      ],
      [{ limit: "here,there" }, /there is no host or group there in .*inventory\.yml/],
      [{ playbook: file("none.yml") }, /none\.yml is not there; playbooks in the stack's conf/],
    ];
    for (const [run, expected] of cases) {
      const ended = await runStep(specification("nothing"), { input: input(run) });
      assert.notEqual(ended.status, 0);
      assert.match(ended.stderr, expected);
    }
  });

  it("ends with everything that it started", async () => {
    const running = startStep(specification("long"), {
      input: input({ extraVars: { waits: true } }),
    });
    while (!existsSync(file("pid"))) await new Promise((resolve) => setTimeout(resolve, 50));
    running.process.kill("SIGTERM");
    const ended = await running.ended;
    assert.match(ended.stderr, /Step long failed: cancelled by SIGTERM/);
    const pid = readFileSync(file("pid"), "utf8").trim();
    const status = `/proc/${pid}/status`;
    assert.ok(!existsSync(status) || readFileSync(status, "utf8").includes("zombie"));
  });
});

describe("the judgement of a run", () => {
  const names = new Set(["all", "undercloud"]);
  const run = { playbook: "p.yml", tags: [], limit: undefined };
  const hosts = { localhost: { ok: 1 } };

  it("takes a group without hosts for the other control plane's", () => {
    const unmatched = [{ play: "Undercloud", hosts: ["undercloud"] }];
    assert.deepEqual(judge({ hosts, unmatched, failures: [] }, run, names), hosts);
  });

  it("takes a group that no inventory has for a mistake", () => {
    const unmatched = [{ play: "Mine", hosts: ["all:&computs"] }];
    assert.throws(
      () => judge({ hosts, unmatched, failures: [] }, run, names),
      /no such host or group: "Mine" names computs \(in p\.yml\)/,
    );
  });
});

describe("progress", () => {
  it("tells each task, and the first hosts that it changes and all where it fails", () => {
    const lines: string[] = [];
    const progress = new Progress((line) => lines.push(line));
    const printed = [
      "PLAY [All] ***",
      "TASK [Boot (1 of 2)] *********",
      "ok: [a]",
      ...["b", "c", "d", "e", "f", "g"].map((host) => `changed: [${host}]`),
      'fatal: [h]: FAILED! => {"msg": "x"}',
      "RUNNING HANDLER [Restart] ***",
      "changed: [a -> localhost] => (item=1)",
    ];
    for (const line of printed) progress.line(line);
    assert.deepEqual(lines, [
      'task "Boot (1 of 2)"',
      ...["b", "c", "d", "e", "f"].map((host) => `task "Boot (1 of 2)" changed on ${host}`),
      'task "Boot (1 of 2)" failed on h',
      'task "Restart"',
      'task "Restart" changed on a',
    ]);
  });
});

describe("secrets in texts", () => {
  it("are hidden as they are, inside JSON and line by line", () => {
    const secrets = ['quo"ted\nsecond line', "short", "abcdef", "abcdefgh"];
    assert.equal(
      hideSecrets('x quo\\"ted\\nsecond line y second line z short abcdefgh abcdef', secrets),
      "x [secret] y [secret] z short [secret] [secret]",
    );
  });
});
