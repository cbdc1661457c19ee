import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import type { Contract, ContractOption } from "../../components/infrared/contract.ts";

const scalar = z.union([z.string(), z.number(), z.boolean()]);

/** A plugin's specification, as far as it decides what a command line may hold. */
const specificationSchema = z.object({
  subparsers: z.record(
    z.string(),
    z.object({
      groups: z.array(
        z.object({
          options: z.record(
            z.string(),
            z.object({
              type: z.string().optional(),
              action: z.string().optional(),
              choices: z.array(scalar).optional(),
              default: scalar.nullish(),
              required: scalar.optional(),
              required_when: z.union([z.string(), z.array(z.string())]).optional(),
              silent: z.array(z.string()).optional(),
              length: z.number().optional(),
            }),
          ),
        }),
      ),
    }),
  ),
});

/** Repository that the recorded contract comes from. */
export const REPOSITORY = "https://github.com/redhat-openstack/infrared";

/**
 * Reads the contract of a plugin from a checkout of Infrared.
 * @throws Error if there is no such plugin
 */
export function recordPlugin(checkout: string, plugin: string): Contract {
  const file = `plugins/${plugin}/plugin.spec`;
  const text = readFileSync(path.join(checkout, file), "utf8");
  const { subparsers } = specificationSchema.parse(
    // Infrared reads YAML 1.1, where yes and no are booleans, and takes the last of equal keys.
    parse(text, { version: "1.1", uniqueKeys: false, logLevel: "error" }),
  );
  return {
    source: { repository: REPOSITORY, revision: revisionOf(checkout), files: [file] },
    shared: [],
    commands: Object.entries(subparsers).map(([name, { groups }]) => ({
      words: [name],
      positionals: [0, 0],
      plugin: true,
      options: groups.flatMap(({ options }) => Object.entries(options).map(optionOf)),
    })),
  };
}

type RawOption = z.output<
  typeof specificationSchema
>["subparsers"][string]["groups"][number]["options"][string];

function optionOf([name, raw]: [string, RawOption]): ContractOption {
  const conditions = raw.required_when === undefined ? [] : [raw.required_when].flat();
  return {
    name,
    type: raw.type ?? "str",
    ...(raw.action && { action: raw.action }),
    ...(raw.choices && { choices: raw.choices.map(String) }),
    // Conditions look at booleans' defaults only; the others say where Infrared's authors work.
    ...(typeof raw.default === "boolean" && { default: raw.default }),
    ...(raw.required === true && { required: true as const }),
    ...(conditions.length > 0 && { requiredWhen: conditions.map((each) => each.trim()) }),
    ...(raw.silent && { silences: raw.silent }),
    ...(raw.length !== undefined && { length: raw.length }),
  };
}

export function revisionOf(checkout: string): string {
  return execFileSync("git", ["-C", checkout, "rev-parse", "HEAD"], { encoding: "utf8" }).trim();
}
