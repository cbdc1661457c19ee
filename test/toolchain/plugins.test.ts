import assert from "node:assert/strict";
import { join } from "node:path";
import { it } from "node:test";
import { execa } from "execa";
import { PROJECT_DIRECTORY } from "../../components/project.ts";
import { GO_FLAGS } from "../../tools/setup/go.ts";

for (const plugin of ["command", "docker"]) {
  const name = `what is built in place of the ${plugin} plugin passes its own tests`;
  it(name, { timeout: 15 * 60_000 }, async (t) => {
    const { failed } = await execa("go", ["version"], { reject: false });
    if (failed) {
      t.skip("there is no Go on PATH: the plugin was not built here either");
      return;
    }
    // As they are built, so that what was compiled for that is not compiled again.
    const { exitCode, all } = await execa("go", ["test", "-vet=off", ...GO_FLAGS, "./..."], {
      cwd: join(PROJECT_DIRECTORY, "tools/toolchain", plugin),
      all: true,
      reject: false,
      stdin: "ignore",
    });
    assert.equal(exitCode, 0, all);
  });
}
