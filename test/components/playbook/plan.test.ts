import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { planPlaybooks } from "../../../components/playbook/plan.ts";
import { PROJECT_DIRECTORY } from "../../../components/project.ts";
import { playbooksSchema } from "../../../config/playbooks.ts";

const plan = (...entries: object[]) => planPlaybooks(playbooksSchema.parse(entries), "/out", false);

const order = (...parallel: boolean[]) =>
  plan(...parallel.map((each, index) => ({ path: `${index}.yml`, parallel: each }))).map(
    ({ after }) => after.join(""),
  );

describe("the plan of playbooks", () => {
  it("names them by their files, below the project", () => {
    const [one, two] = plan(
      { path: "playbooks/boot_servers.yml" },
      { path: "/a/b.yaml", name: "c" },
    );
    assert.equal(one?.name, "boot_servers");
    assert.equal(one.run.playbook, `${PROJECT_DIRECTORY}/playbooks/boot_servers.yml`);
    assert.equal(one.run.resultFile, "/out/results/boot_servers.json");
    assert.deepEqual([two?.name, two?.run.playbook], ["c", "/a/b.yaml"]);
  });

  it("keeps the order given", () => {
    assert.deepEqual(order(false, false, false), ["", "0", "1"]);
  });

  it("lets neighbours that say so run side by side, and all others wait for them", () => {
    assert.deepEqual(order(true, true, false, true, true), ["", "", "01", "2", "2"]);
    assert.deepEqual(order(false, true, true), ["", "0", "0"]);
    assert.deepEqual(order(true, false, true), ["", "0", "1"]);
  });

  it("never has anybody wait for somebody later, and has a serial entry wait for all before", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 9 }), (parallel) => {
        const plans = plan(...parallel.map((each, i) => ({ path: `${i}.yml`, parallel: each })));
        const all = (index: number): Set<string> =>
          new Set(plans[index]?.after.flatMap((name) => [name, ...all(Number(name))]) ?? []);
        for (const [index, { run }] of plans.entries()) {
          const before = all(index);
          assert.ok(
            [...before].every((name) => Number(name) < index),
            run.playbook,
          );
          if (!parallel[index]) assert.equal(before.size, index);
        }
      }),
    );
  });

  it("gives a teardown the variables and hosts of its entry, and no tags", () => {
    const [entry] = plan({
      ...{ path: "a.yml", tags: ["t"], limit: "computes", teardown: "b.yml" },
      extraVars: { count: 3 },
    });
    assert.equal(entry?.teardown?.playbook, `${PROJECT_DIRECTORY}/b.yml`);
    assert.deepEqual(entry.teardown.extraVars, { count: 3 });
    assert.deepEqual([entry.teardown.tags, entry.teardown.limit], [[], "computes"]);
  });
});
