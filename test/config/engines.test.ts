import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, beforeEach, describe, it } from "node:test";
import { placedOn, readEngines } from "../../config/engines.ts";
import { settingsOf } from "../support/settings.ts";

/** A `docker` as a script in the only folder on PATH, with an engine for each address that it is given. */
describe("facts about docker hosts", () => {
  const root = mkdtempSync(path.join(tmpdir(), "overcloud-engines-"));
  const savedPath = process.env["PATH"];
  after(() => {
    process.env["PATH"] = savedPath;
    rmSync(root, { recursive: true });
  });
  beforeEach(() => {
    process.env["PATH"] = root;
  });

  /** Answers by address, "" for this machine, and by docker's verb. */
  function docker(engines: Record<string, Record<string, string>>): void {
    const cases = Object.entries(engines).flatMap(([address, answers]) =>
      Object.entries(answers).map(([verb, answer]) => `"${address} ${verb}") printf '${answer}';;`),
    );
    const file = path.join(root, "docker");
    writeFileSync(
      file,
      `#!/bin/sh\ncase "\${DOCKER_HOST:-} $1" in\n${cases.join("\n")}\n*) echo "no such engine" >&2; exit 1;;\nesac\n`,
    );
    chmodSync(file, 0o755);
  }

  const { hosts } = settingsOf({
    hosts: [{ name: "here" }, { name: "there", docker: "ssh://there" }],
  });

  it("are what each engine says of itself, its swarm and the stack's containers", async () => {
    docker({
      "": {
        info: "AAAA\\tone\\ttrue\\tx86_64\\t17179869184\\n",
        ps: "lab-mariadb\\tlab\\trunning\\t\\nlab-compute-0\\tlab\\trunning\\t0\\n",
        node: "one\\tReady\\tActive\\ntwo\\tReady\\tActive\\nthree\\tDown\\tActive\\nfour\\tReady\\tDrain\\n",
      },
      "ssh://there": {
        info: "AAAA\\ttwo\\tfalse\\tx86_64\\t8589934592\\n",
        ps: "lab-compute-1\\tlab\\texited\\t1\\npostgres\\t\\trunning\\t\\n",
      },
    });
    const engines = await readEngines("lab", hosts);
    assert.deepEqual(engines, [
      {
        local: true,
        architecture: "x86_64",
        memoryMb: 16384,
        nodeId: "one",
        isManager: true,
        readyNodes: ["one", "two"],
        foreignNames: [],
        stopped: [],
        computes: [0],
      },
      {
        local: false,
        architecture: "x86_64",
        memoryMb: 8192,
        nodeId: "two",
        isManager: false,
        readyNodes: [],
        foreignNames: ["postgres"],
        stopped: [{ name: "lab-compute-1", state: "exited" }],
        computes: [1],
      },
    ]);
    assert.deepEqual(
      [...placedOn(hosts, engines)],
      [
        [0, "here"],
        [1, "there"],
      ],
    );
  });

  it("are why one does not answer, and nothing less of the others", async () => {
    docker({ "": { info: "A\\t\\tfalse\\tx86_64\\t1048576\\n", ps: "" } });
    const [first, second] = await readEngines("lab", hosts);
    assert.ok(first && "memoryMb" in first);
    assert.equal(first.memoryMb, 1);
    assert.deepEqual(second, { unreachable: "no such engine" });
    assert.deepEqual([...placedOn(hosts, [first, { unreachable: "" }])], []);
  });

  it("are none where there is one machine, and nobody is asked", async () => {
    rmSync(path.join(root, "docker"));
    assert.deepEqual(await readEngines("lab", []), []);
  });
});
