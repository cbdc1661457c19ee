// The docker plugin that we build must have every property that the published SDK sends and
// reads, under the same name, with the same need, and in the same number.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { suite, test } from "node:test";

interface Property {
  type?: string;
}
interface ObjectSpec {
  properties?: Record<string, Property>;
  required?: string[];
}
interface ResourceSpec extends ObjectSpec {
  inputProperties: Record<string, Property>;
  requiredInputs?: string[];
  stateInputs: ObjectSpec;
}
interface Schema {
  version: string;
  types: Record<string, ObjectSpec>;
  resources: Record<string, ResourceSpec>;
}

/** What is compared of one property, as text, so that a difference reads well. */
const describe = (name: string, required: boolean, array: boolean) =>
  `${name}${required ? "" : "?"}: ${array ? "list" : "one"}`;

const published = dirname(createRequire(import.meta.url).resolve("@pulumi/docker/package.json"));
const built = new URL("../../tools/toolchain/docker/", import.meta.url);
const schema = JSON.parse(readFileSync(new URL("schema.json", built), "utf8")) as Schema;

/** The properties of each interface that a file of the SDK declares. */
function interfaces(file: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const source = readFileSync(join(published, file), "utf8");
  for (const [, name, body] of source.matchAll(/^export interface (\w+) \{\n([\s\S]*?)^\}/gm)) {
    const properties = [...(body ?? "").matchAll(/^ {4}(\w+)(\??): ([\s\S]*?);$/gm)].map(
      ([, property, optional, type]) =>
        describe(property ?? "", optional === "", /\[\]( \| undefined)?>?$/.test(type ?? "")),
    );
    found.set(name ?? "", properties.sort());
  }
  return found;
}

function specified(properties: Record<string, Property> = {}, required: string[] = []): string[] {
  return Object.entries(properties)
    .map(([name, { type }]) => describe(name, required.includes(name), type === "array"))
    .sort();
}

suite("the schema of the docker plugin", () => {
  test("has the version of the SDK", () => {
    const manifest = JSON.parse(readFileSync(join(published, "package.json"), "utf8")) as Schema;
    assert.equal(schema.version, manifest.version);
  });

  for (const [token, spec] of Object.entries(schema.resources)) {
    const name = token.split(":").at(-1) ?? "";
    const declared = interfaces(`${name.charAt(0).toLowerCase()}${name.slice(1)}.d.ts`);
    test(`${name} has the inputs of the SDK`, () => {
      assert.deepEqual(
        specified(spec.inputProperties, spec.requiredInputs),
        declared.get(`${name}Args`),
      );
    });
    test(`${name} has the state of the SDK`, () => {
      assert.deepEqual(
        specified(spec.stateInputs.properties, spec.stateInputs.required),
        declared.get(`${name}State`),
      );
    });
  }

  test("has every resource the program can use", () => {
    const names = Object.keys(schema.resources).map((token) => token.split(":").at(-1));
    for (const name of ["Container", "Network", "Volume", "RemoteImage", "Tag", "RegistryImage"]) {
      assert.ok(names.includes(name), name);
    }
  });

  test("has the nested types of the SDK", () => {
    const specs = new Map(
      Object.entries(schema.types).map(([token, spec]) => [token.split(":").at(-1) ?? "", spec]),
    );
    // These belong to docker.Image alone, which is no part of the bridged provider.
    const unknown = ["CacheFrom", "DockerBuild", "Registry"];
    for (const [name, declared] of interfaces("types/input.d.ts")) {
      if (name.startsWith("Get")) continue; // an argument of a function
      const spec = specs.get(name);
      if (spec === undefined) assert.ok(unknown.includes(name), `no type ${name}`);
      else assert.deepEqual(specified(spec.properties, spec.required), declared, name);
    }
  });
});
