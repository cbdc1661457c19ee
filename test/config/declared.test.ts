import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { parseSettings } from "../../config/parse.ts";
import { SettingsError } from "../../config/problems.ts";
import { settingsSchema } from "../../config/schema.ts";
import { ROOMY } from "../support/settings.ts";

const root = path.join(import.meta.dirname, "../..");
const read = (file: string): unknown => parse(readFileSync(path.join(root, file), "utf8"));

describe("the project's own files", () => {
  it("declare every key with a description, and the schema's own default where there is one", () => {
    const { config } = read("Pulumi.yaml") as {
      config: Record<string, { type: string; default: unknown; description: string }>;
    };
    assert.deepEqual(Object.keys(config).sort(), Object.keys(settingsSchema.shape).sort());
    const defaults = settingsSchema.parse({ names: "t" }) as Record<string, unknown>;
    for (const [key, declared] of Object.entries(config)) {
      assert.ok(declared.description.length > 20, key);
      if (key === "names" || declared.type === "object") continue;
      assert.deepEqual(declared.default, defaults[key], key);
    }
  });

  it("have a stack of each kind whose settings are right", async () => {
    for (const stack of ["dev", "tripleo"]) {
      const { config } = read(`Pulumi.${stack}.yaml`) as { config: Record<string, unknown> };
      const raw = Object.fromEntries(
        Object.entries(config).map(([key, value]) => [
          key.replace("overcloud:", ""),
          typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value,
        ]),
      );
      const { settings } = await parseSettings({ names: stack, ...raw }, () =>
        Promise.resolve(ROOMY),
      ).catch((error: unknown) =>
        assert.fail(error instanceof SettingsError ? error.message : String(error)),
      );
      assert.equal(settings.names, stack);
    }
  });
});
