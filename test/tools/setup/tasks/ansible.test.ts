import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { createContext } from "../../../../tools/setup/context.ts";
import { pathsOf, project } from "../../../../tools/setup/paths.ts";
import { writeStamp } from "../../../../tools/setup/stamp.ts";
import {
  ansibleCollections,
  ansibleRequirements,
  ansibleTask,
  COLLECTIONS,
  COMMANDS,
} from "../../../../tools/setup/tasks/ansible.ts";

describe("the ansible of set-up", () => {
  const text = readFileSync(ansibleRequirements, "utf8");
  const folder = mkdtempSync(path.join(tmpdir(), "overcloud-ansible-"));
  after(() => rmSync(folder, { recursive: true }));
  const paths = { ...pathsOf(folder), sources: project.sources };

  it("is the last that manages hosts with Python 2.7 and 3.6", () => {
    assert.match(text, /^ansible-core==2\.16\.\d+ \\$/m);
  });

  it("is pinned by hash with everything it needs", () => {
    const collections = readFileSync(ansibleCollections, "utf8");
    const packages = (text + collections).replaceAll(/^#.*\n/gm, "").split(/\n(?! )/);
    assert.ok(packages.filter(Boolean).length >= 20);
    assert.match(text, /^openstacksdk==/m);
    for (const entry of packages.filter(Boolean)) {
      assert.match(entry, /^[a-z0-9-]+==\S+ \\\n( +--hash=sha256:[0-9a-f]{64}( \\\n)?)+$/);
    }
  });

  it("is to be made where it is not, and where its environment is gone", async () => {
    const task = ansibleTask(createContext(paths, { HOME: folder }));
    assert.equal(await task.done(), undefined);
    const target = path.join(paths.toolchain, "ansible", "bin", "ansible-playbook");
    writeStamp(paths.stamps, "ansible", { origin: "release", version: "2.16.19", target });
    assert.equal(await task.done(), undefined);
  });

  it("has its commands on PATH and finds the collections from any folder, with no ansible.cfg", () => {
    for (const command of COMMANDS) {
      const link = path.join(project.bin, command);
      assert.equal(readlinkSync(link), `../ansible/bin/${command}`);
      assert.ok(existsSync(link), command);
    }
    const [server, connection] = ["openstack.cloud.server", "community.docker.docker"];
    const ask = (type: string, plugin: string) =>
      execFileSync(path.join(project.bin, "ansible-doc"), ["--json", "--type", type, plugin], {
        cwd: folder,
        env: { PATH: process.env.PATH, HOME: folder, LC_ALL: "C.UTF-8" },
        encoding: "utf8",
      });
    const described = {
      ...parsed(ask("module", server)),
      ...parsed(ask("connection", connection)),
    };
    assert.deepEqual(Object.keys(described), [server, connection]);
    assert.ok([server, connection].every((each) => COLLECTIONS.some((c) => each.startsWith(c))));
  });
});

function parsed(json: string): object {
  return JSON.parse(json) as object;
}
