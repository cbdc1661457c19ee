import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { Overcloud, playbookHash, userFilesHash } from "../../../components/overcloud/overcloud.ts";
import { judge } from "../../../components/overcloud/play.ts";
import type { StepName } from "../../../components/overcloud/steps.ts";
import { specificationSchema } from "../../../components/step/specification.ts";
import { Step } from "../../../components/step/step.ts";
import { planBmcs } from "../../../components/bmc/plan.ts";
import { overcloudSchema } from "../../../config/overcloud.ts";
import { record, type Registration } from "../../support/pulumi.ts";
import { planOf } from "../../support/tripleo/hosts.ts";

const COMMAND = "command:local:Command";

/** Steps that stand for those of other components. */
const OTHERS = ["undercloud", "bmcs"];

interface Wish {
  release?: string;
  steps?: string[];
  skip?: string[];
  computes?: number;
  preview?: boolean;
}

async function deploy({ release = "train", steps = [], skip = [], computes = 1, preview }: Wish) {
  const plan = planOf({ controllers: 1, computes });
  const { resources } = await record(preview ?? false, () => {
    const before = (name: string) => [new Step(name, { directory: "/out/logs" })];
    return new Overcloud("overcloud", {
      settings: {
        overcloud: overcloudSchema.parse({ release }),
        steps,
        skip,
        confirm: { rebuildVms: "", cleanupInfrared: "" },
      },
      plan,
      bmcs: planBmcs(plan, overcloudSchema.parse({}).bmc),
      libvirtUri: "qemu:///system",
      tunnelCidr: "10.79.16.0/20",
      outputDirectory: "/out",
      epoch: "1",
      inventory: "/out/inventory.yml",
      files: { sshKey: "/out/ssh/id_ed25519", bmcPassword: "/out/bmc-password" },
      playbookHash: "hash",
      userFilesHash: "none",
      after: { deploy_undercloud: before("undercloud"), install_vbmc: before("bmcs") },
      nodeIds: Object.fromEntries(plan.nodes.map(({ name }) => [name, `${name}-id`])),
    });
  });
  const commands = resources.filter(({ type }) => type === COMMAND);
  const the = (name: string) =>
    commands.find((each) => each.name === name) ?? assert.fail(`no step ${name}`);
  const parent = (resource: Registration) => resources.find(({ urn }) => urn === resource.parent);
  /** Names of what a step waits for directly. */
  const before = (name: StepName) =>
    (parent(the(name))?.dependencies ?? [])
      .map((urn) => urn.split("::").at(-1) ?? "")
      .filter((each) => commands.some((command) => command.name === each));
  const specification = (name: string) =>
    specificationSchema.parse(JSON.parse(the(name).inputs["create"] as string));
  const rerun = (name: string) =>
    (the(name).inputs["environment"] as Record<string, string>)["OVERCLOUD_RERUN_ON"];
  return { resources, commands, the, before, specification, rerun };
}

describe("the overcloud component", () => {
  it("has a step for each tag, and the file of their variables", async () => {
    const { resources, commands } = await deploy({});
    assert.equal(resources.filter(({ type }) => type === "overcloud:index:Overcloud").length, 1);
    const own = commands.map(({ name }) => name).filter((name) => !OTHERS.includes(name));
    assert.deepEqual(own.sort(), [
      ...["build_heat_config", "create_flavors", "create_instackenv", "gen_ssh_key"],
      ...["introspect_nodes", "overcloud-vars", "prepare_containers", "run_deploy_overcloud"],
      ...["setup_vlan", "tune_undercloud"],
    ]);
  });

  it("runs one tag per step, by the action that judges the outcome", async () => {
    const { specification } = await deploy({});
    const { action, args, timeoutSeconds } = specification("create_flavors");
    assert.equal(action, "overcloud/play");
    assert.deepEqual(args["tags"], ["create_flavors"]);
    assert.equal(args["inventory"], "/out/inventory.yml");
    assert.equal(args["variables"], "/out/overcloud/vars.json");
    assert.equal(timeoutSeconds, 1800);
    // The deployment's own limit, time to report that it was reached, and ours.
    assert.equal(specification("run_deploy_overcloud").timeoutSeconds, 90 * 60 + 1800 + 600);
  });

  it("orders steps by what they need, and leaves the rest side by side", async () => {
    const { before } = await deploy({});
    assert.deepEqual(before("setup_vlan").sort(), ["overcloud-vars", "undercloud"]);
    assert.deepEqual(before("build_heat_config").sort(), ["overcloud-vars", "undercloud"]);
    assert.ok(before("introspect_nodes").includes("bmcs"));
    assert.ok(before("introspect_nodes").includes("create_instackenv"));
    assert.ok(!before("prepare_containers").includes("introspect_nodes"));
    for (const step of ["create_flavors", "setup_vlan", "prepare_containers", "gen_ssh_key"]) {
      assert.ok(before("run_deploy_overcloud").includes(step), step);
    }
  });

  it("provisions in place of flavors where nova is gone", async () => {
    const { commands, before } = await deploy({ release: "wallaby" });
    const names = commands.map(({ name }) => name);
    assert.ok(!names.includes("create_flavors"));
    assert.ok(names.includes("provision_networks") && names.includes("provision_nodes"));
    assert.ok(before("provision_nodes").includes("introspect_nodes"));
    assert.ok(before("run_deploy_overcloud").includes("provision_vips"));
  });

  it("leaves a step that is not chosen as it is: done stays done", async () => {
    const { the, specification } = await deploy({ skip: ["prepare_containers"] });
    assert.equal(specification("prepare_containers").action, "step/skipped");
    for (const input of ["create", "delete", "environment", "stdin"]) {
      assert.ok(the("prepare_containers").ignoreChanges.includes(input), input);
    }
    assert.deepEqual(the("setup_vlan").ignoreChanges, []);
  });

  it("keeps the order through steps that are left out", async () => {
    const { before, specification } = await deploy({ steps: ["run_deploy_overcloud"] });
    assert.ok(before("run_deploy_overcloud").includes("create_flavors"));
    assert.equal(specification("create_flavors").action, "step/skipped");
    assert.equal(specification("run_deploy_overcloud").action, "overcloud/play");
  });

  it("runs a step again when something of its own changes, and not else", async () => {
    const [one, two] = [await deploy({ computes: 1 }), await deploy({ computes: 2 })];
    for (const same of ["setup_vlan", "tune_undercloud", "prepare_containers"]) {
      assert.equal(one.rerun(same), two.rerun(same), same);
    }
    for (const other of ["create_instackenv", "introspect_nodes", "run_deploy_overcloud"]) {
      assert.notEqual(one.rerun(other), two.rerun(other), other);
    }
  });

  it("plans the same in a preview", async () => {
    const { commands } = await deploy({ preview: true });
    assert.equal(commands.length, 12);
  });
});

describe("hashes", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "overcloud-hashes-"));
  after(() => rmSync(folder, { recursive: true }));

  it("are of the playbook's content, and of the user's files in their order", async () => {
    assert.equal(await playbookHash(), await playbookHash());
    const file = (name: string) => path.join(folder, name);
    writeFileSync(file("a"), "one");
    writeFileSync(file("b"), "two");
    const both = await userFilesHash([file("a"), file("b")]);
    assert.notEqual(both, await userFilesHash([file("b"), file("a")]));
    await assert.rejects(
      userFilesHash([file("c")]),
      /overcloud\.environmentFiles: .*c can't be read/,
    );
  });
});

describe("a run's outcome", () => {
  const args = { playbook: "p", inventory: "/out/inventory.yml", variables: "v", tags: ["t"] };
  const hosts = { "undercloud-0": { ok: 1 } };

  it("is a failure when a play had nobody to run on, although ansible answers 0", () => {
    assert.deepEqual(judge({ hosts, unmatched: [], failures: [] }, args), hosts);
    assert.throws(
      () =>
        judge(
          { hosts, unmatched: [{ play: "The overcloud", hosts: ["undercloud"] }], failures: [] },
          args,
        ),
      /no host of \/out\/inventory\.yml matched: The overcloud/,
    );
    assert.throws(
      () => judge({ hosts: {}, unmatched: [], failures: [] }, args),
      /matched: any play/,
    );
  });
});
