import assert from "node:assert/strict";
import { join } from "node:path";
import { it } from "node:test";
import { execa } from "execa";
import { PROJECT_DIRECTORY } from "../../components/project.ts";

const directory = join(PROJECT_DIRECTORY, "tools/toolchain/command");

it(
  "the fallback for the command plugin passes its own tests",
  { timeout: 15 * 60_000 },
  async (t) => {
    const { failed } = await execa("go", ["version"], { reject: false });
    if (failed) {
      t.skip("there is no Go on PATH: the plugin was not built here either");
      return;
    }
    const { exitCode, all } = await execa("go", ["test", "-mod=readonly", "./..."], {
      cwd: directory,
      all: true,
      reject: false,
      stdin: "ignore",
    });
    assert.equal(exitCode, 0, all);
  },
);
