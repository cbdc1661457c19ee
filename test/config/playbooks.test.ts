import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { isSecretKey } from "../../config/load.ts";
import { parseSettings } from "../../config/parse.ts";
import { ROOMY } from "../support/settings.ts";

const folder = mkdtempSync(path.join(tmpdir(), "overcloud-playbook-settings-"));
after(() => rmSync(folder, { recursive: true }));

function write(name: string, text = "- hosts: all\n  tasks: [{ ping: , tags: [fast] }]\n"): string {
  writeFileSync(path.join(folder, name), text);
  return path.join(folder, name);
}

const good = write("good.yml");
const parse = async (playbooks: unknown) => {
  const raw = { names: "t", playbooks };
  return (await parseSettings(raw, () => Promise.resolve(ROOMY))).settings.playbooks;
};

const refused = async (playbooks: unknown, ...messages: RegExp[]) => {
  await assert.rejects(parse(playbooks), (error: Error) => {
    for (const message of messages) assert.match(error.message, message);
    assert.match(error.message, new RegExp(`has ${messages.length} problem`));
    return true;
  });
};

describe("playbooks in the settings", () => {
  it("need no more than a path", async () => {
    assert.deepEqual(await parse([{ path: good }]), [
      {
        ...{ path: good, tags: [], skipTags: [], extraVars: {} },
        ...{ runOn: "changed", parallel: false, timeoutMinutes: 60 },
      },
    ]);
  });

  it("may say all that ansible can be told", async () => {
    const entry = {
      ...{ path: good, name: "a-1.b_c", tags: ["fast", "always"], skipTags: ["never"] },
      ...{ extraVars: { n: 3, deep: { list: [1, "x"] } }, limit: "computes:!compute-0" },
      ...{ runOn: "manual", run: 4, parallel: true, teardown: good, timeoutMinutes: 1440 },
    };
    assert.deepEqual(await parse([entry]), [entry]);
  });

  it("are refused one by one, by key", async () => {
    await refused("x", /overcloud:playbooks: must be a list of playbooks/);
    await refused(["x"], /overcloud:playbooks\.0: must be an object with at least a path/);
    await refused([{}], /overcloud:playbooks\.0\.path: must be the path of a playbook/);
    await refused([{ path: good, nme: "x" }], /overcloud:playbooks\.0\.nme: is not a setting/);
    await refused(
      [{ path: good, runOn: "never", tags: ["a,b"], run: -1, timeoutMinutes: 0, limit: "" }],
      /playbooks\.0\.runOn is "never": must be one of: always, changed, manual/,
      /playbooks\.0\.tags\.0 is "a,b": must be one tag/,
      /playbooks\.0\.run is -1: must be a whole number/,
      /playbooks\.0\.timeoutMinutes is 0: must be a whole number from 1 to 1440/,
      /playbooks\.0\.limit/,
    );
  });

  it("are refused for what is wrong with their files and with each other, all at once", async () => {
    await refused(
      [
        { path: path.join(folder, "none.yml"), teardown: path.join(folder, "gone.yml") },
        { path: write("tasks.yml", "- ping:\n") },
        { path: good, tags: ["slow"], skipTags: ["fast"], run: 1 },
        { path: good },
        { path: write("No Name.yml") },
      ],
      /playbooks\.0\.path is ".*none\.yml": is not there/,
      /playbooks\.0\.teardown is ".*gone\.yml": is not there/,
      /playbooks\.1\.path is ".*tasks\.yml": is not a playbook/,
      /playbooks\.2\.tags is "slow": is no tag of .*good\.yml, which has: fast/,
      /playbooks\.2\.run is 1: has no meaning with runOn: changed/,
      /playbooks\.3\.name is "good": is also the name of playbooks\.2/,
      /playbooks\.4\.name is "No Name\.yml": is no name/,
    );
  });

  it("never show their variables when something is wrong with them", async () => {
    for (const playbooks of [
      [{ path: good, extraVars: "t0ken-text" }],
      [{ path: good, extraVars: { "not-a-name": "t0ken-text" } }],
      { path: good, extraVars: { token: "t0ken-text" } },
      [["t0ken-text"]],
    ]) {
      await assert.rejects(parse(playbooks), (error: Error) => {
        assert.match(error.message, /overcloud:playbooks/);
        return !error.message.includes("t0ken");
      });
    }
  });
});

describe("what is secret in Pulumi's configuration", () => {
  it("is told by key, and everything is where nothing is told", () => {
    const environment = { PULUMI_CONFIG_SECRET_KEYS: '["overcloud:playbooks"]' };
    assert.equal(isSecretKey("playbooks", "overcloud", environment), true);
    assert.equal(isSecretKey("computes", "overcloud", environment), false);
    assert.equal(isSecretKey("computes", "overcloud", {}), true);
  });
});
