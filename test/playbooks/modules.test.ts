import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { join } from "node:path";
import { execa } from "execa";
import { PROJECT_DIRECTORY } from "../../components/project.ts";

const PLAYBOOKS = join(PROJECT_DIRECTORY, "playbooks");
const PYTHON = join(PROJECT_DIRECTORY, ".toolchain/ansible/bin/python");

// What ansible does when it runs a module: its own package has the project's module_utils.
const DISCOVER = `
import sys, unittest
import ansible.module_utils
ansible.module_utils.__path__.append("${join(PLAYBOOKS, "module_utils")}")
sys.path.insert(0, "${join(PLAYBOOKS, "library")}")
sys.dont_write_bytecode = True
ended = unittest.TextTestRunner(verbosity=2).run(unittest.defaultTestLoader.discover("${import.meta.dirname}"))
sys.exit(not ended.wasSuccessful() or ended.testsRun < 20)
`;

describe("the modules of the shipped playbooks", () => {
  it("are right in what can be told without a cloud", async () => {
    const ended = await execa(PYTHON, ["-c", DISCOVER], {
      reject: false,
      env: { OVERCLOUD_ROLES: join(PLAYBOOKS, "roles"), PYTHONDONTWRITEBYTECODE: "1" },
    });
    assert.equal(ended.exitCode, 0, ended.stderr);
  });
});
