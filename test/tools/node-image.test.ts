import assert from "node:assert/strict";
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { hasNodeImage, nodeImageOf } from "../../tools/node-image.ts";
import { pathsOf, project } from "../../tools/setup/paths.ts";
import { createContext } from "../../tools/setup/context.ts";
import { allTasks, tasksFor } from "../../tools/setup/tasks/all.ts";

describe("the node image", () => {
  const root = mkdtempSync(path.join(tmpdir(), "overcloud-node-image-"));
  const paths = pathsOf(root);
  const recipe = path.join(root, "tools/node-image");
  cpSync(path.join(project.root, "tools/node-image"), recipe, { recursive: true });
  after(() => rmSync(root, { recursive: true }));

  it("is one and the same for the same recipe, wherever it is", async () => {
    const here = await nodeImageOf(paths);
    const there = await nodeImageOf(project);
    assert.equal(path.basename(here.folder), path.basename(there.folder));
    assert.ok(here.folder.startsWith(paths.toolchain));
  });

  it("is there when it was made as a whole, until the recipe changes", async () => {
    assert.equal(await hasNodeImage(paths), false);
    const { folder } = await nodeImageOf(paths);
    mkdirSync(`${folder}.tmp`, { recursive: true });
    assert.equal(await hasNodeImage(paths), false);
    mkdirSync(folder);
    assert.equal(await hasNodeImage(paths), true);
    appendFileSync(path.join(recipe, "packages.txt"), "less\n");
    assert.equal(await hasNodeImage(paths), false);
  });

  it("is made for tests alone", () => {
    const tasks = allTasks(createContext(project, process.env));
    assert.ok(tasksFor("test", tasks).includes("node-image"));
    assert.ok(!tasksFor("up", tasks).includes("node-image"));
    assert.ok(tasksFor("up", tasks).includes("virtualbmc"));
  });
});
