import assert from "node:assert/strict";
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { execa } from "execa";
import { PROJECT_DIRECTORY } from "../../components/project.ts";
import { docker, ScratchStack } from "../../tools/scratch-stack.ts";
import { placeOf } from "../support/places.ts";

const STACK = "itest-playbooks";
const PLACE = placeOf("playbooks");
const COMPUTES = 2;
const TOKEN = "0f-t0k3ns-the-m0st-secret";
const stack = new ScratchStack(STACK);
const folder = mkdtempSync(join(tmpdir(), "overcloud-playbooks-"));
const output = join(PROJECT_DIRECTORY, "output", STACK);

const file = (name: string) => join(folder, name);
function write(name: string, text: string): string {
  mkdirSync(dirname(file(name)), { recursive: true });
  writeFileSync(file(name), text);
  return file(name);
}

/** Lines that playbooks of the tests left on this machine: what ran, in which order. */
const marks = () =>
  existsSync(file("marks")) ? readFileSync(file("marks"), "utf8").split("\n").filter(Boolean) : [];

const mark = (what: string) => `
    - name: Leave a mark
      ansible.builtin.shell: echo "${what}" >> ${file("marks")}
`;

const onThisMachine = (what: string, more = "") => `
- name: On this machine
  hosts: hypervisor
  gather_facts: false
  tasks:${mark(what)}${more}`;

/** Sets one key of an entry; a number's or a truth's text becomes one. */
async function set(entry: number, key: string, value: string, ...options: string[]) {
  const where = ["--path", `playbooks[${entry}].${key}`, value, "--stack", STACK];
  await stack.pulumi("config", "set", ...options, ...where);
}

const forget = (path: string) => stack.pulumi("config", "rm", "--path", path, "--stack", STACK);

const tryUp = () => stack.tryPulumi("up", "--yes", "--skip-preview", "--stack", STACK);

const changedSteps = async () =>
  (await stack.changes())
    .filter(({ urn }) => urn.includes("command:local:Command::"))
    .map(({ op, urn }) => `${op} ${urn.split("::").at(-1)}`)
    .sort();

function command(name: string, args: string[]) {
  return execa(name, args, {
    cwd: folder,
    reject: false,
    stdin: "ignore",
    env: { ANSIBLE_NOCOLOR: "1", INIT_CWD: folder, NODE_NO_WARNINGS: "1" },
  });
}

/** `npm run playbook -- …` without set-up. */
const playbook = (...args: string[]) =>
  command("node", [join(PROJECT_DIRECTORY, "tools/playbook.ts"), ...args, "--stack", STACK]);

describe("playbooks against a standalone cloud", { timeout: 30 * 60_000 }, () => {
  before(async () => {
    write("roles/mark/tasks/main.yml", "- ansible.builtin.import_tasks: visit.yml\n");
    write(
      "roles/mark/tasks/visit.yml",
      `- name: Visit
  ansible.builtin.shell: echo "visit {{ token | length }}" >> ${file("marks")}
`,
    );
    write(
      "visit.yml",
      `
- name: Everybody
  hosts: all
  gather_facts: false
  tasks:
    - name: Answer
      ansible.builtin.ping:
      tags: [answer]
- name: This machine
  hosts: hypervisor
  gather_facts: false
  tasks:
    - ansible.builtin.import_role:
        name: mark
    - name: Show what should not be shown
      ansible.builtin.debug:
        msg: "the token is {{ token }}"
- name: Nobody on this control plane
  hosts: undercloud
  tasks:
    - ansible.builtin.ping:
`,
    );
    write("leave.yml", onThisMachine("leave {{ token | length }}"));
    await stack.create({
      computes: COMPUTES,
      ...PLACE.settings,
    });
    await stack.up();
  });

  after(async () => {
    await stack.remove();
    rmSync(folder, { recursive: true });
  });

  it("reaches every host of the inventory, and ansible has nothing to warn of", async () => {
    const inventory = join(output, "inventory.yml");
    const ping = await command("ansible", ["all", "--inventory", inventory, "-m", "ping", "-o"]);
    assert.equal(ping.exitCode, 0, ping.stdout);
    assert.equal(ping.stderr, "");
    const answered = [...ping.stdout.matchAll(/^(\S+) \| SUCCESS/gm)].map(([, host]) => host);
    const containers = await docker("ps", "--filter", `label=overcloud.stack=${STACK}`, "-q");
    assert.equal(answered.length, 1 + containers.split("\n").length);
    for (const host of ["localhost", "nova-scheduler", "rabbitmq", "ovn-northd", "compute-1"]) {
      assert.ok(answered.includes(host), host);
    }
  });

  it("runs an entry once, after the cloud, with a secret that nobody gets to see", async () => {
    await set(0, "path", file("visit.yml"));
    await set(0, "teardown", file("leave.yml"));
    await set(0, "extraVars.token", TOKEN, "--secret");
    const preview = await stack.pulumi("preview", "--diff", "--stack", STACK);
    const up = await stack.up();
    assert.deepEqual(marks(), [`visit ${TOKEN.length}`]);
    await stack.expectNoChanges();

    const log = readFileSync(join(output, "logs/playbook-visit.log"), "utf8");
    assert.match(log, /the token is \[secret\]/);
    assert.match(up, /task "Answer"/);
    assert.equal(statSync(join(output, "playbooks/visit.json")).mode & 0o777, 0o600);
    const places = {
      preview,
      up,
      state: await stack.pulumi("stack", "export", "--stack", STACK),
      outputs: await stack.pulumi("stack", "output", "--json", "--stack", STACK),
      diff: await stack.pulumi("preview", "--diff", "--stack", STACK),
      logs: globSync(`${output}/logs/*.log`)
        .map((each) => readFileSync(each, "utf8"))
        .join("\n"),
    };
    for (const [place, text] of Object.entries(places)) {
      assert.ok(text.length > 0 && !text.includes(TOKEN), `the token is in ${place}`);
    }
  });

  it("runs it again when a file of one of its roles changed, and not for another compute", async () => {
    const task = file("roles/mark/tasks/visit.yml");
    writeFileSync(task, readFileSync(task, "utf8").replace("visit {{", "again {{"));
    assert.deepEqual(await changedSteps(), ["update playbook-visit"]);
    await stack.configure({ computes: COMPUTES + 1 });
    await stack.up();
    assert.deepEqual(marks(), [`visit ${TOKEN.length}`, `again ${TOKEN.length}`]);
    await stack.configure({ computes: COMPUTES });
    await stack.up();
    assert.equal(marks().length, 2);
  });

  it("runs a manual entry when its counter changes, and only then", async () => {
    write("count.yml", onThisMachine("count {{ what }}"));
    await set(1, "path", file("count.yml"));
    await set(1, "runOn", "manual");
    await set(1, "extraVars.what", "one");
    await stack.up();
    assert.equal(marks().length, 2, "it has not been asked for yet");
    await set(1, "run", "1");
    await stack.up();
    await set(1, "extraVars.what", "two");
    assert.deepEqual(await changedSteps(), ["update playbook-count-settings"]);
    await stack.up();
    assert.deepEqual(marks().slice(2), ["count one"]);
    await set(1, "run", "2");
    await stack.up();
    assert.deepEqual(marks().slice(2), ["count one", "count two"]);
    await stack.expectNoChanges();
  });

  it("runs one that is for every update every time, and says so in a preview", async () => {
    write("always.yml", onThisMachine("always"));
    await set(2, "path", file("always.yml"));
    await set(2, "runOn", "always");
    await stack.up();
    assert.deepEqual(await changedSteps(), ["update playbook-always"]);
    await stack.up();
    assert.deepEqual(marks().slice(4), ["always", "always"]);
    await forget("playbooks[2]");
    await stack.up();
  });

  it("names the task, the host and the log of a failure, and tries again in the next update", async () => {
    const failing = `
    - name: Ask for the impossible
      ansible.builtin.assert:
        that: "'{{ 1 + 1 }}' == '3'"
        fail_msg: two is not three
`;
    write("fail.yml", onThisMachine("fail", failing));
    await set(2, "path", file("fail.yml"));
    const { exitCode, all } = await tryUp();
    assert.notEqual(exitCode, 0);
    assert.match(
      all,
      /Step playbook-fail failed: "Ask for the impossible" failed on localhost: two is not three \(log: .*logs\/playbook-fail\.log\)/,
    );
    write("fail.yml", onThisMachine("mended"));
    await stack.up();
    assert.deepEqual(marks().slice(-2), ["fail", "mended"]);
    await stack.expectNoChanges();
  });

  it("refuses what can't work before anything is done", async () => {
    const seen = marks();
    await set(2, "path", file("none.yml"));
    await set(0, "tags[0]", "anser");
    const { exitCode, all } = await tryUp();
    assert.notEqual(exitCode, 0);
    assert.match(
      all,
      /overcloud:playbooks\.0\.tags is "anser": is no tag of .*visit\.yml, which has: answer/,
    );
    assert.match(all, /overcloud:playbooks\.2\.path is ".*none\.yml": is not there/);
    assert.deepEqual(marks(), seen);
    await forget("playbooks[0].tags");
    await forget("playbooks[2]");
  });

  it("runs the teardown of an entry that is removed", async () => {
    const before = marks().length;
    await forget("playbooks[0]");
    await stack.up();
    assert.deepEqual(marks().slice(before), [`leave ${TOKEN.length}`]);
    assert.ok(!existsSync(join(output, "playbooks/visit.json")));
    await stack.expectNoChanges();
  });

  describe("by hand", () => {
    it("runs with its options, shows what ansible says and touches no stack", async () => {
      write("hand.yml", onThisMachine("hand {{ a }} {{ b }}"));
      write("vars.yml", "b: from a file\n");
      const ended = await playbook("hand.yml", "-e", "a=1", "-e", "@vars.yml", "-l", "hypervisor");
      assert.equal(ended.exitCode, 0, ended.stderr);
      assert.match(ended.stdout, /TASK \[Leave a mark\]/);
      assert.equal(marks().at(-1), "hand 1 from a file");
      await stack.expectNoChanges();
    });

    it("has the cloud at hand for modules of openstack.cloud", async () => {
      write(
        "flavors.yml",
        `
- hosts: hypervisor
  gather_facts: false
  tasks:
    - openstack.cloud.compute_flavor_info:
      register: found
    - ansible.builtin.assert:
        that: found.flavors | length > 0
`,
      );
      const ended = await playbook("flavors.yml");
      assert.equal(ended.exitCode, 0, ended.stdout);
    });

    for (const [what, args, expected] of [
      [
        "a stack that is not there",
        ["hand.yml", "--stack", "no"],
        /^playbook: no stack no is deployed/,
      ],
      ["a playbook that is not there", ["none.yml"], /^playbook: none\.yml is not there$/],
      [
        "a tag that it has not",
        ["visit.yml", "-t", "anser"],
        /^playbook: anser is no tag of visit\.yml/,
      ],
      [
        "a host that is not there",
        ["hand.yml", "-l", "compute-99"],
        /^playbook: there is no host .*compute-99/,
      ],
      [
        "variables that are not there",
        ["hand.yml", "-e", "@no"],
        /^playbook: the file of variables .*no is not there$/,
      ],
    ] as const) {
      it(`refuses ${what} in one sentence`, async () => {
        const stackOption = args.includes("--stack" as never) ? [] : ["--stack", STACK];
        const ended = await command("node", [
          join(PROJECT_DIRECTORY, "tools/playbook.ts"),
          ...args,
          ...stackOption,
        ]);
        assert.notEqual(ended.exitCode, 0);
        assert.match(ended.stderr, expected);
        assert.equal(ended.stderr.split("\n").length, 1);
      });
    }

    it("says so when it is the cloud that is down", async () => {
      await docker("stop", `${STACK}-keystone`);
      const ended = await playbook("flavors.yml");
      assert.notEqual(ended.exitCode, 0);
      const keystone = `http://127.0.0.1:${PLACE.ports.keystone}/`;
      assert.ok(ended.stderr.includes(`playbook: nothing answers at ${keystone}`), ended.stderr);
      await docker("start", `${STACK}-keystone`);
    });
  });

  it("is destroyed without a teardown: what would be torn down is gone anyway", async () => {
    await set(0, "teardown", file("leave.yml"));
    await stack.up();
    const before = marks();
    await stack.destroy();
    assert.deepEqual(marks(), before);
    assert.ok(!existsSync(output));
  });
});
