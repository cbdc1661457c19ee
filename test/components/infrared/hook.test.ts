import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { matchedHosts } from "../../../components/infrared/hook.ts";
import { runStep } from "../../support/step.ts";

const root = mkdtempSync(path.join(tmpdir(), "overcloud-hook-test-"));
after(() => rmSync(root, { recursive: true }));

const LISTING = (count: number) => `
playbook: hook.yml

  play #1 (undercloud): undercloud\tTAGS: []
    pattern: ['undercloud']
    hosts (${count}):
      undercloud-0
`;

/** A program in ansible-playbook's place: lists hosts as told, keeps what it was given, fails if told to. */
function fakeAnsible(hosts: number, status = 0): string {
  const program = path.join(root, `ansible-playbook-${hosts}-${status}`);
  writeFileSync(
    program,
    `#!/bin/sh
case "$*" in *--list-hosts*) cat <<'END'
${LISTING(hosts)}
END
exit 0;; esac
echo "$*" > ${root}/argv
cat "\${4#@}" > ${root}/vars
echo "TASK [it] done"
exit ${status}
`,
  );
  chmodSync(program, 0o755);
  return program;
}

const playbook = path.join(root, "hook.yml");
const inventory = path.join(root, "hosts");
writeFileSync(playbook, "[]");
writeFileSync(inventory, "undercloud-0\n");

const hook = (extra: object = {}) =>
  runStep({
    name: "hook",
    directory: path.join(root, "logs"),
    action: "infrared/hook",
    args: {
      ansiblePlaybook: fakeAnsible(1),
      inventory,
      playbook,
      extraVars: { token: "abc" },
      ...extra,
    },
    timeoutSeconds: 20,
  });

describe("the hook before the undercloud", () => {
  it("runs the playbook with its variables in a file", async () => {
    const { status, stdout, stderr } = await hook();
    assert.equal(status, 0, stderr);
    assert.deepEqual(JSON.parse(stdout), { hosts: 1 });
    const argv = readFileSync(path.join(root, "argv"), "utf8").trim();
    assert.match(argv, new RegExp(`^--inventory ${inventory} --extra-vars @\\S+ ${playbook}$`));
    assert.deepEqual(JSON.parse(readFileSync(path.join(root, "vars"), "utf8")), { token: "abc" });
    const [, vars = ""] = /@(\S+)/.exec(argv) ?? [];
    assert.ok(!existsSync(vars));
  });

  const failures: [string, () => object, RegExp][] = [
    ["no host matches", () => ({ ansiblePlaybook: fakeAnsible(0) }), /no host of .*hosts matches/],
    ["the inventory is missing", () => ({ inventory: "/nowhere" }), /no inventory \/nowhere/],
    ["the playbook is missing", () => ({ playbook: "/nowhere.yml" }), /no playbook \/nowhere\.yml/],
    [
      "ansible fails",
      () => ({ ansiblePlaybook: fakeAnsible(1, 2) }),
      /ended with 2: TASK \[it\] done/,
    ],
  ];
  for (const [what, extra, sentence] of failures) {
    it(`fails when ${what}`, async () => {
      const { status, stderr } = await hook(extra());
      assert.equal(status, 1);
      assert.match(stderr, sentence);
    });
  }

  it("counts the hosts of all plays", () => {
    assert.equal(matchedHosts(LISTING(0)), 0);
    assert.equal(matchedHosts(LISTING(0) + LISTING(2) + LISTING(1)), 3);
    assert.equal(matchedHosts("nothing"), 0);
  });
});
