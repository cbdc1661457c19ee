import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { execa } from "execa";
import { PROJECT_DIRECTORY } from "../../components/project.ts";

const PYTHON = join(PROJECT_DIRECTORY, ".toolchain/ansible/bin/python");
const PACKAGES = join(PROJECT_DIRECTORY, "images/openstack/rootfs/usr/lib/overcloud/python");

// The package is for the image's Python; what older ones lack is needed only where a process is forked.
const DISCOVER = `
import os, sys, unittest
sys.dont_write_bytecode = True
for name in ("NEWNS", "NEWNET", "NEWIPC", "NEWUTS", "NEWCGROUP"):
    os.__dict__.setdefault("CLONE_" + name, 0)
sys.path.insert(0, "${PACKAGES}")
ended = unittest.TextTestRunner(verbosity=2).run(unittest.defaultTestLoader.discover("${import.meta.dirname}"))
sys.exit(not ended.wasSuccessful() or ended.testsRun < 8)
`;

describe("what computes' services are forked from", () => {
  it("reads right what the kernel says of another process", async () => {
    const ended = await execa(PYTHON, ["-c", DISCOVER], { reject: false });
    assert.equal(ended.exitCode, 0, ended.stderr);
  });
});
