import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Outcome, type Task, closure, runTasks } from "../../../tools/setup/graph.ts";

const silent = { started: () => {}, ended: () => {} };

function task(name: string, needs: string[], run: () => Promise<unknown>, extra = {}): Task {
  return {
    name,
    needs,
    done: () => Promise.resolve(undefined),
    run: async () => {
      await run();
      return undefined;
    },
    ...extra,
  };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const status = (outcomes: Map<string, Outcome>) =>
  Object.fromEntries([...outcomes].map(([name, outcome]) => [name, outcome.status]));

describe("the task graph", () => {
  it("runs a task after everything it needs, whatever the order of the list", async () => {
    const order: string[] = [];
    const note = (name: string) => async () => {
      await pause(5);
      order.push(name);
    };
    await runTasks(
      [task("c", ["b"], note("c")), task("b", ["a"], note("b")), task("a", [], note("a"))],
      silent,
    );
    assert.deepEqual(order, ["a", "b", "c"]);
  });

  it("runs independent tasks side by side", async () => {
    let [now, most] = [0, 0];
    const work = async () => {
      most = Math.max(most, ++now);
      await pause(10);
      now--;
    };
    await runTasks([task("a", [], work), task("b", [], work), task("c", [], work)], silent);
    assert.equal(most, 3);
  });

  it("lets tasks of a pool take turns, also after one of them failed", async () => {
    let [now, most] = [0, 0];
    const work = async () => {
      most = Math.max(most, ++now);
      await pause(5);
      now--;
      throw new Error("no");
    };
    const pool = { pool: "go" };
    const tasks = ["a", "b", "c"].map((name) => task(name, [], work, pool));
    const outcomes = await runTasks(tasks, silent, { go: 1 });
    assert.equal(most, 1);
    assert.equal(outcomes.size, 3);
  });

  it("stops only what needs a failed task", async () => {
    const ran: string[] = [];
    const ok = (name: string) => () => Promise.resolve(ran.push(name));
    const outcomes = await runTasks(
      [
        task("bad", [], () => Promise.reject(new Error("no network"))),
        task("child", ["bad"], ok("child")),
        task("grandchild", ["child"], ok("grandchild")),
        task("other", [], ok("other")),
        task("after-other", ["other"], ok("after-other")),
      ],
      silent,
    );
    assert.deepEqual(ran, ["other", "after-other"]);
    assert.deepEqual(status(outcomes), {
      bad: "failed",
      child: "skipped",
      grandchild: "skipped",
      other: "made",
      "after-other": "made",
    });
  });

  it("does not run what is there already", async () => {
    const present = { done: () => Promise.resolve("version 1") };
    const outcomes = await runTasks(
      [task("a", [], () => Promise.reject(new Error("ran")), present)],
      silent,
    );
    assert.equal(status(outcomes).a, "present");
  });

  it("takes a done() that throws for a failure of that task only", async () => {
    const broken = { done: () => Promise.reject(new Error("cannot tell")) };
    const outcomes = await runTasks(
      [task("a", [], pause.bind(null, 0), broken), task("b", [], pause.bind(null, 0))],
      silent,
    );
    assert.deepEqual(status(outcomes), { a: "failed", b: "made" });
  });

  it("selects what the named tasks need, and refuses unknown names and cycles", () => {
    const none = () => Promise.resolve();
    const tasks = [task("a", [], none), task("b", ["a"], none), task("c", [], none)];
    assert.deepEqual(
      closure(tasks, ["b"]).map(({ name }) => name),
      ["a", "b"],
    );
    assert.throws(() => closure(tasks, ["d"]), /no task "d"/);
    const cycle = [task("a", ["b"], none), task("b", ["a"], none)];
    assert.throws(() => closure(cycle, ["a"]), /a → b → a/);
  });
});
