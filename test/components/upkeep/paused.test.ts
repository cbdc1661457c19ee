import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { resumePaused } from "../../../components/upkeep/paused.ts";

describe("paused containers of a stack", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "overcloud-paused-"));
  const calls = path.join(folder, "calls");
  const searchPath = process.env["PATH"];
  before(() => {
    // Each engine has a container of the stack and one of another.
    const docker = `#!/bin/sh
[ "$1" = ps ] && printf 'own\\tlab\\nforeign\\tother\\n' || echo "\${DOCKER_HOST:-here}: $*" >> "${calls}"
`;
    writeFileSync(path.join(folder, "docker"), docker, { mode: 0o755 });
    process.env["PATH"] = `${folder}:${searchPath}`;
  });
  afterEach(() => rmSync(calls, { force: true }));
  after(() => {
    process.env["PATH"] = searchPath;
    rmSync(folder, { recursive: true });
  });

  const paused = [{ name: "lab-mariadb", state: "paused" }];

  it("go on, and no others do", async () => {
    await resumePaused({ stack: "lab", hosts: [], stopped: paused });
    assert.equal(readFileSync(calls, "utf8").trim(), "here: unpause own");
  });

  it("go on where they are", async () => {
    const hosts = [
      { name: "first", weight: 1 },
      { name: "second", weight: 1, docker: "tcp://192.0.2.1:2376" },
    ];
    await resumePaused({ stack: "lab", hosts, stopped: paused });
    assert.deepEqual(readFileSync(calls, "utf8").trim().split("\n"), [
      "here: unpause own",
      "tcp://192.0.2.1:2376: unpause own",
    ]);
  });

  it("are not looked for where everything stands still for another reason", async () => {
    const stopped = [{ name: "lab-mariadb", state: "exited" }];
    await resumePaused({ stack: "lab", hosts: [], stopped });
    assert.ok(!existsSync(calls));
  });
});
