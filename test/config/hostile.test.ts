import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { stringify } from "yaml";
import { readConfig } from "../../config/load.ts";
import { parseSettings } from "../../config/parse.ts";
import { SettingsError } from "../../config/problems.ts";
import { settingsSchema, type Settings } from "../../config/schema.ts";
import { checkFiles } from "../support/generated-files.ts";
import { exampleOf, HOSTILE_TEXTS, hostileValue, RUNS, SEED } from "../support/hostile.ts";
import { checkPlans } from "../support/plans.ts";
import { KEY, leavesOf, place, type Leaf } from "../support/schema.ts";
import { ROOMY } from "../support/settings.ts";

const leaves = leavesOf(settingsSchema);
const nameOf = ({ path, kind }: Leaf) => path.join(".") + (kind === "key" ? " (its name)" : "");

/** Stacks of every kind, right as they are. */
const STACKS: Record<string, Record<string, unknown>> = {
  containers: { names: "t" },
  node: { names: "t", standalone: { placement: "node" }, baremetal: 2 },
  train: {
    ...{ names: "t", controlPlane: "tripleo", libvirt: { image: { source: "/image.qcow2" } } },
    overcloud: { release: "train" },
  },
  wallaby: {
    ...{ names: "t", controlPlane: "tripleo", libvirt: { image: { source: "/image.qcow2" } } },
    overcloud: { release: "wallaby" },
  },
  queens: {
    ...{ names: "t", controlPlane: "tripleo", libvirt: { image: { source: "/image.qcow2" } } },
    overcloud: { release: "queens", distribution: "rhel", computeImage: "nova:queens" },
  },
};

/** What has to be around a place: what a list's entry needs besides, and a range's other end. */
const AROUND: { path: Leaf["path"]; value: unknown }[] = [
  { path: ["playbooks"], value: [{ path: "playbooks/template.yml" }] },
  { path: ["hosts"], value: [{ name: "here" }] },
  {
    path: ["libvirt", "networks", "external", "dhcp"],
    value: { start: "192.168.22.10", end: "192.168.22.90" },
  },
];

function around({ path }: Leaf, stack: Record<string, unknown>): Record<string, unknown> {
  const what = AROUND.find((each) => each.path.every((key, position) => key === path[position]));
  return what ? place(stack, { path: what.path, kind: "" }, what.value) : stack;
}

async function parse(raw: Record<string, unknown>): Promise<Settings | SettingsError> {
  try {
    return (await parseSettings(raw, () => Promise.resolve(ROOMY))).settings;
  } catch (error) {
    assert.ok(error instanceof SettingsError, error instanceof Error ? error.stack : String(error));
    return error;
  }
}

/** A refusal is lines, one for each problem, and no trace of the program. */
function checkLines({ message, problems }: SettingsError): void {
  assert.equal(message.split(/[\n\r\u0085\u2028\u2029]/).length, problems.length + 1, message);
  // eslint-disable-next-line no-control-regex
  assert.doesNotMatch(message, /[\u0000-\u0009\u000b-\u001f\u007f\u202a-\u202e]|\n\s+at /);
}

/** One of the problems is about the key. */
function checkRefusal(error: SettingsError, { path, kind }: Leaf): void {
  checkLines(error);
  const { message, problems } = error;
  const wanted = path.filter((part) => part !== KEY).join(".");
  const about = problems.flatMap(({ key, involves = [] }) => [key, ...involves]);
  assert.ok(
    about.some((key) =>
      [key, wanted].some((a) => [key, wanted].every((b) => a === b || a.startsWith(`${b}.`))),
    ),
    `${wanted} (${kind}) is not named: ${message}`,
  );
}

describe("hostile values, at every key that the schema has", () => {
  it("there is an example of what each place takes", () => {
    const without = leaves
      .filter(({ kind }) => kind === "string" || kind === "key")
      .filter((leaf) => exampleOf(leaf) === undefined);
    assert.deepEqual(without.map(nameOf), []);
  });

  it("the stacks that they are put into are right", async () => {
    for (const [kind, raw] of Object.entries(STACKS)) {
      const settings = await parse(raw);
      if (settings instanceof SettingsError) assert.fail(`${kind}: ${settings.message}`);
      checkPlans(settings, "stack");
      checkFiles(settings, "stack");
    }
  });

  for (const leaf of leaves) {
    it(`${nameOf(leaf)} is refused by its name, or nothing that is made of it is other than it should be`, async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.constantFrom(...Object.values(STACKS)),
          hostileValue(leaf),
          async (stack, value) => {
            const outcome = await parse(place(around(leaf, stack), leaf, value));
            if (outcome instanceof SettingsError) return checkRefusal(outcome, leaf);
            checkPlans(outcome, "stack");
            checkFiles(outcome, "stack");
          },
        ),
        { numRuns: RUNS * Object.keys(STACKS).length, seed: SEED },
      );
    });
  }

  it("several of them at once are refused or harmless, too", async () => {
    const change = fc
      .constantFrom(...leaves)
      .chain((leaf) => hostileValue(leaf).map((value) => ({ leaf, value })));
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...Object.values(STACKS)),
        fc.array(change, { minLength: 2, maxLength: 4 }),
        async (stack, changes) => {
          const raw = changes.reduce((all, { leaf, value }) => place(all, leaf, value), stack);
          const outcome = await parse(raw);
          if (outcome instanceof SettingsError) return;
          checkPlans(outcome, "stack");
          checkFiles(outcome, "stack");
        },
      ),
      { numRuns: 100 * RUNS, seed: SEED },
    );
  });
});

describe("a stack's file of settings that is anything at all", () => {
  it("is refused or taken, whatever YAML or text it is", async () => {
    const scalar = fc.oneof(
      fc.constantFrom(...HOSTILE_TEXTS),
      fc.constantFrom<unknown>(null, true, -1, 1e308, 2 ** 53),
    );
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 5 },
        scalar,
        fc.array(tie("tree"), { maxLength: 4 }),
        fc.dictionary(fc.constantFrom(...HOSTILE_TEXTS, "cidr", "path", "nodes"), tie("tree")),
      ),
    }));
    const keys = fc.constantFrom(...Object.keys(settingsSchema.shape), "__proto__", "x.y");
    const written = fc.oneof(
      tree.map((value) => JSON.stringify(value)),
      tree.map((value) => stringify(value)),
      fc.string({ unit: "binary" }),
      fc.constantFrom("1e999", "-0", "[".repeat(5000), "[".repeat(5000) + "]".repeat(5000)),
    );
    await fc.assert(
      fc.asyncProperty(fc.dictionary(keys, written, { minKeys: 1 }), async (all) => {
        const config = Object.fromEntries(
          Object.entries(all).map(([key, value]) => [`overcloud:${key}`, value]),
        );
        const outcome = await parse({ names: "t", ...readConfig(config, "overcloud") });
        if (!(outcome instanceof SettingsError)) return checkPlans(outcome, "stack");
        checkLines(outcome);
        const known = Object.keys(all);
        for (const { key } of outcome.problems) {
          assert.ok(
            known.some((each) => key === each || key.startsWith(`${each}.`)) ||
              known.includes("controlPlane") ||
              known.includes("standalone"),
            outcome.message,
          );
        }
      }),
      { numRuns: 60 * RUNS, seed: SEED },
    );
  });
});
