import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { planPlaybooks } from "../../../components/playbook/plan.ts";
import { Playbook } from "../../../components/playbook/playbook.ts";
import { specificationSchema } from "../../../components/step/specification.ts";
import { playbooksSchema } from "../../../config/playbooks.ts";
import { record, type Registration } from "../../support/pulumi.ts";

const TOKEN = "a-t0ken-that-is-secret";

/** One entry, as the engine gets it. */
async function make(entry: object, { contentHash = "1", preview = false } = {}) {
  const [plan] = planPlaybooks(
    playbooksSchema.parse([{ path: "site.yml", extraVars: { token: TOKEN }, ...entry }]),
    "/out",
    true,
  );
  assert.ok(plan);
  const { resources } = await record(preview, () => {
    const controlPlane = new pulumi.ComponentResource("test:index:ControlPlane", "control-plane");
    return new Playbook(plan.name, {
      plan,
      contentHash,
      inventory: "/out/inventory.yml",
      cloud: { cloudsYaml: "/out/clouds.yaml", cloud: "lab" },
      outputDirectory: "/out",
      epoch: "1",
      controlPlane,
    });
  });
  const commands = resources.filter(({ type }) => type === "command:local:Command");
  const the = (name: string) => commands.find((each) => each.name === name);
  return { resources, commands, the, run: the("playbook-site") as Registration };
}

const reason = ({ inputs }: Registration) =>
  (inputs["environment"] as Record<string, string>)["OVERCLOUD_RERUN_ON"];

const specification = (text: unknown) => specificationSchema.parse(JSON.parse(text as string));

describe("a playbook", () => {
  it("is a component of steps, with a log of its own", async () => {
    const { resources, commands, run } = await make({});
    assert.equal(resources.filter(({ type }) => type === "overcloud:index:Playbook").length, 1);
    assert.deepEqual(commands.map(({ name }) => name).sort(), [
      "playbook-site",
      "playbook-site-settings",
    ]);
    const { action, name, directory } = specification(run.inputs["create"]);
    assert.deepEqual([action, name, directory], ["playbook/run", "playbook-site", "/out/logs"]);
    assert.equal(run.inputs["delete"], undefined);
  });

  it("keeps its variables out of state and plans", async () => {
    for (const preview of [true, false]) {
      const { resources, the } = await make({ teardown: "down.yml" }, { preview });
      for (const { readable, name } of resources) assert.ok(!readable.includes(TOKEN), name);
      for (const step of ["playbook-site-settings", "playbook-site-teardown"]) {
        assert.ok(the(step)?.secrets.includes("stdin"), step);
      }
    }
  });

  it("runs again when it or its settings changed", async () => {
    const first = reason((await make({})).run);
    assert.equal(reason((await make({ timeoutMinutes: 5 })).run), first);
    for (const entry of [{ tags: ["all"] }, { limit: "all" }, { extraVars: { token: "other" } }]) {
      assert.notEqual(reason((await make(entry)).run), first);
    }
    assert.notEqual(reason((await make({}, { contentHash: "2" })).run), first);
  });

  it("runs by hand for each new count, whatever else changed", async () => {
    const manual = (entry: object, contentHash = "1") =>
      make({ runOn: "manual", ...entry }, { contentHash });
    assert.equal((await manual({})).run.inputs["create"], undefined);
    const one = (await manual({ run: 1 })).run;
    assert.deepEqual((await manual({ run: 1, tags: ["all"] }, "2")).run.inputs, one.inputs);
    assert.notEqual(reason((await manual({ run: 2 })).run), reason(one));
  });

  it("runs in every update if it says so", async () => {
    const first = reason((await make({ runOn: "always" })).run);
    await new Promise((resolve) => setTimeout(resolve, 2));
    assert.notEqual(reason((await make({ runOn: "always" })).run), first);
  });

  it("runs its teardown when it is removed, unless the cloud goes too", async () => {
    const { the } = await make({ teardown: "down.yml" });
    const teardown = the("playbook-site-teardown");
    assert.equal(teardown?.inputs["create"], undefined);
    assert.equal(specification(teardown?.inputs["delete"]).action, "playbook/run");
    assert.match(String(teardown?.inputs["stdin"]), /down\.yml/);
    assert.match(teardown?.deletedWith ?? "", /control-plane$/);
  });
});
