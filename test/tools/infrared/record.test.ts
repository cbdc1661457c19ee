import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { differences } from "../../../tools/infrared/compare.ts";
import { recordPlugin, revisionOf } from "../../../tools/infrared/record.ts";

const checkout = mkdtempSync(path.join(tmpdir(), "overcloud-record-"));
after(() => rmSync(checkout, { recursive: true }));

const SPECIFICATION = `
config: {plugin_type: install}
subparsers:
  probe:
    description: a plugin
    include_groups: ["Ansible options"]
    groups:
      - title: One
        options:
          host: {type: Value, help: who, required: yes}
          ssl: {type: Bool, default: no}
          server: {type: Value, default: ntp.example}
      - title: Two
        options:
          task: {type: Value, choices: [rpm, 13]}
          url: {type: Value, required_when: "task == import"}
          nodes: {type: Value, required_when: ["a == b", "ssl == yes"]}
          cleanup: {type: Bool, silent: [nodes]}
          prefix: {type: Value, length: 4}
          words: {action: append}
          words: {type: NestedList, action: append}
`;

before(() => {
  const git = (...argv: string[]) => execFileSync("git", argv, { cwd: checkout, stdio: "ignore" });
  mkdirSync(path.join(checkout, "plugins/probe"), { recursive: true });
  writeFileSync(path.join(checkout, "plugins/probe/plugin.spec"), SPECIFICATION);
  git("init", "--quiet");
  git("add", "--all");
  git("-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "--quiet", "-m", "probe");
});

describe("recording a contract", () => {
  it("keeps what decides over a command line, and where it is from", () => {
    const { source, commands } = recordPlugin(checkout, "probe");
    assert.equal(source.revision, revisionOf(checkout));
    assert.deepEqual(source.files, ["plugins/probe/plugin.spec"]);
    assert.deepEqual(commands, [
      {
        words: ["probe"],
        positionals: [0, 0],
        plugin: true,
        options: [
          { name: "host", type: "Value", required: true },
          { name: "ssl", type: "Bool", default: false },
          { name: "server", type: "Value" },
          { name: "task", type: "Value", choices: ["rpm", "13"] },
          { name: "url", type: "Value", requiredWhen: ["task == import"] },
          { name: "nodes", type: "Value", requiredWhen: ["a == b", "ssl == yes"] },
          { name: "cleanup", type: "Bool", silences: ["nodes"] },
          { name: "prefix", type: "Value", length: 4 },
          { name: "words", type: "NestedList", action: "append" },
        ],
      },
    ]);
  });

  it("fails for a plugin that is not there", () => {
    assert.throws(() => recordPlugin(checkout, "nobody"), /ENOENT/);
  });

  it("is compared option by option", () => {
    const recorded = recordPlugin(checkout, "probe");
    assert.deepEqual(differences(recorded, recorded), []);
    const now = structuredClone(recorded);
    const options = now.commands[0]?.options ?? [];
    options.splice(0, 1, { name: "new", type: "Value" });
    options[1] = { name: "ssl", type: "Flag" };
    assert.deepEqual(differences(recorded, now), [
      "probe has no --host any more",
      "probe has a new --new",
      'probe --ssl was {"name":"ssl","type":"Bool","default":false} and is {"name":"ssl","type":"Flag"}',
    ]);
    assert.deepEqual(differences(recorded, { ...now, commands: [] }), ["probe is gone"]);
  });
});
