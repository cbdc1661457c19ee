import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  factsOf,
  microversionsOf,
  productVersions,
  RELEASES,
} from "../../../components/overcloud/release.ts";
import { GROUPS, inOrder, selectSteps, stepsOf } from "../../../components/overcloud/steps.ts";

const NO = { rebuildVms: "", cleanupInfrared: "" };
const YES = { rebuildVms: "once", cleanupInfrared: "once" };
const all = { steps: [], skip: [], confirm: YES };
const names = (steps: { name: string }[]) => steps.map(({ name }) => name);
const release = fc.constantFrom(...RELEASES);

describe("releases", () => {
  it("differ in engine, provisioning and user as TripleO's do", () => {
    const facts = RELEASES.map((each) => Object.values(factsOf(each)).join(" "));
    assert.deepEqual(facts, [
      "queens 13 docker nova heat-admin",
      "rocky 14 docker nova heat-admin",
      "stein 15 podman nova heat-admin",
      "train 16 podman nova heat-admin",
      "wallaby 17 podman metalsmith tripleo-admin",
    ]);
    for (const each of RELEASES) {
      for (const version of productVersions(each)) {
        assert.equal(Number.parseInt(version, 10), factsOf(each).number);
      }
    }
  });

  it("speak no newer versions than their APIs know", () => {
    const spoken = RELEASES.map((each) => Object.values(microversionsOf(each)).join(" "));
    assert.deepEqual(spoken, ["2.60 1.17", "2.65 1.30", "2.72 1.31", "2.79 1.36", "2.88 1.36"]);
  });
});

describe("the steps of a release", () => {
  for (const each of RELEASES) {
    it(`of ${each} come after what they need, and need only what there is`, () => {
      const steps = stepsOf(each);
      steps.forEach((step, place) => {
        const before = new Set(names(steps.slice(0, place)));
        for (const need of step.needs) assert.ok(before.has(need), `${step.name} needs ${need}`);
      });
      assert.equal(new Set(names(steps)).size, steps.length);
      assert.deepEqual([...new Set(steps.map(({ group }) => group))].sort(), [...GROUPS].sort());
      assert.ok(
        steps.every(({ description, timeoutSeconds }) => description && timeoutSeconds > 0),
      );
    });
  }

  it("are those of the reference with nova, and provisioning in place of flavors without", () => {
    const tags = (each: (typeof RELEASES)[number]) =>
      names(stepsOf(each).filter(({ group }) => group === "deploy_overcloud")).sort();
    const common = [
      "build_heat_config",
      "create_instackenv",
      "gen_ssh_key",
      "introspect_nodes",
      "prepare_containers",
      "run_deploy_overcloud",
      "setup_vlan",
      "tune_undercloud",
    ];
    assert.deepEqual(tags("train"), [...common, "create_flavors"].sort());
    assert.deepEqual(
      tags("wallaby"),
      [...common, "provision_networks", "provision_nodes", "provision_vips"].sort(),
    );
  });

  it("leave side by side what does not need each other", () => {
    const needs = new Map(stepsOf("train").map((step) => [step.name, step.needs]));
    for (const name of ["setup_vlan", "build_heat_config", "prepare_containers"] as const) {
      assert.deepEqual(needs.get(name), ["deploy_undercloud"]);
    }
    assert.ok(!needs.get("install_vbmc")?.includes("deploy_undercloud"));
    assert.deepEqual(needs.get("create_flavors"), ["introspect_nodes"]);
  });

  it("are destructive only where a confirmation guards them", () => {
    const destructive = stepsOf("train").filter(({ destroys }) => destroys !== undefined);
    assert.deepEqual(names(destructive).sort(), ["cleanup_infrared", "rebuild_vms"]);
    assert.ok(destructive.every(({ confirmedBy }) => confirmedBy !== undefined));
  });
});

describe("choosing steps", () => {
  it("takes all of them where nothing is said, in an order that works", () => {
    fc.assert(
      fc.property(release, (each) => {
        const { steps, problems } = selectSteps(each, all);
        assert.deepEqual([names(steps), problems], [names(stepsOf(each)), []]);
      }),
    );
  });

  it("gives dependency order whatever order they are asked for in", () => {
    const choice = release.chain((each) =>
      fc.tuple(
        fc.constant(each),
        fc
          .subarray(names(stepsOf(each)), { minLength: 1 })
          .chain((some) => fc.shuffledSubarray(some, { minLength: some.length })),
      ),
    );
    fc.assert(
      fc.property(choice, ([each, asked]) => {
        const { steps, problems } = selectSteps(each, { ...all, steps: asked });
        assert.deepEqual(problems, []);
        assert.deepEqual(new Set(names(steps)), new Set(asked));
        const place = new Map(names(stepsOf(each)).map((name, index) => [name, index]));
        const places = names(steps).map((name) => place.get(name) ?? -1);
        assert.deepEqual(
          places,
          places.toSorted((a, b) => a - b),
        );
      }),
    );
  });

  it("takes a group for its members, and leaves out what is skipped", () => {
    const group = (steps: string[], skip: string[] = []) =>
      names(selectSteps("train", { steps, skip, confirm: YES }).steps);
    assert.deepEqual(group(["setup_vms"]), ["rebuild_vms", "build_vms", "build_hosts"]);
    assert.deepEqual(group(["setup_infrared"]), ["cleanup_infrared", "install_infrared"]);
    assert.deepEqual(group(["setup_vms"], ["rebuild_vms"]), ["build_vms", "build_hosts"]);
    assert.deepEqual(group(["deploy_overcloud"], ["deploy_overcloud"]), []);
    assert.deepEqual(group([], [...GROUPS]), []);
    assert.deepEqual(group(["simulate_compute_node", "gen_ssh_key"]), [
      "gen_ssh_key",
      "simulate_compute_node",
    ]);
  });

  it("does not take part of a name for the name", () => {
    const { steps } = selectSteps("train", { ...all, steps: ["run_deploy_overcloud"] });
    assert.deepEqual(names(steps), ["run_deploy_overcloud"]);
  });

  it("refuses a name that nothing has, with all that there are", () => {
    const { problems } = selectSteps("queens", { ...all, steps: ["deploy"], skip: ["tuna"] });
    assert.deepEqual(
      problems.map(({ key, value }) => [key, value]),
      [
        ["steps", "deploy"],
        ["skip", "tuna"],
      ],
    );
    for (const { message } of problems) {
      assert.match(message, /^is no step; there are .*setup_vms.*create_flavors/);
    }
  });

  it("refuses a step of another release, and says whose it is", () => {
    const [flavors] = selectSteps("wallaby", { ...all, steps: ["create_flavors"] }).problems;
    assert.match(
      flavors?.message ?? "",
      /^is no step of wallaby \(of queens, rocky, stein, train\)/,
    );
    const [nodes] = selectSteps("train", { ...all, skip: ["provision_nodes"] }).problems;
    assert.match(nodes?.message ?? "", /^is no step of train \(of wallaby\)/);
  });

  it("refuses any other name", () => {
    const known = new Set<string>([...GROUPS, ...names(stepsOf("train"))]);
    fc.assert(
      fc.property(
        fc.string().filter((name) => !known.has(name)),
        (name) => {
          const { problems } = selectSteps("train", { ...all, steps: [name] });
          assert.equal(problems.length, 1);
        },
      ),
    );
  });

  it("leaves out what destroys unless it is confirmed, and refuses it by name", () => {
    const choose = (...steps: string[]) => selectSteps("train", { steps, skip: [], confirm: NO });
    assert.ok(!names(choose().steps).includes("rebuild_vms"));
    assert.deepEqual(names(choose("setup_vms").steps), ["build_vms", "build_hosts"]);
    assert.deepEqual(choose("setup_vms").problems, []);
    const { steps, problems } = choose("rebuild_vms", "cleanup_infrared");
    assert.deepEqual(steps, []);
    assert.deepEqual(
      problems.map(({ message }) => /set (confirm\.\w+)/.exec(message)?.[1]).sort(),
      ["confirm.cleanupInfrared", "confirm.rebuildVms"],
    );
    assert.match(problems[0]?.message ?? "", /^destroys /);
  });

  it("does not ask for confirmation of what is skipped", () => {
    const choice = { steps: ["rebuild_vms", "build_vms"], skip: ["rebuild_vms"], confirm: NO };
    const { steps, problems } = selectSteps("train", choice);
    assert.deepEqual([names(steps), problems], [["build_vms"], []]);
  });
});

describe("ordering", () => {
  it("finds circles", () => {
    const circle = [
      { name: "a", needs: ["b"] },
      { name: "b", needs: ["a"] },
    ];
    assert.throws(() => inOrder(circle), /steps need each other: a → b → a/);
  });
});
