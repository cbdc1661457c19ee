import type { z } from "zod";

/** A place in the settings that takes a single value; in lists it is the first entry, in maps the entry KEY. */
export interface Leaf {
  path: (string | number)[];
  /** What the schema has there: `string`, `number`, `union`, ...; `key` for the name of a map's entry. */
  kind: string;
  schema: z.core.$ZodType;
  /** What the settings have there where nothing is set; undefined for nothing. */
  standard: unknown;
}

/** Name of the entry that paths into maps go through. */
export const KEY = "key";

/** Every such place of a schema, found by walking it: a new key is found without being listed anywhere. */
export function leavesOf(
  schema: z.core.$ZodType,
  path: Leaf["path"] = [],
  standard?: unknown,
): Leaf[] {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case "object":
      return Object.entries(def.shape).flatMap(([key, child]) =>
        leavesOf(child, [...path, key], property(standard, key)),
      );
    case "array":
      return leavesOf(def.element, [...path, 0], property(standard, 0));
    case "record":
      return [
        { path: [...path, KEY], kind: "key", schema: def.keyType, standard: undefined },
        ...leavesOf(def.valueType, [...path, KEY]),
      ];
    case "default":
    case "prefault":
      return leavesOf(def.innerType, path, standard ?? def.defaultValue);
    case "optional":
      return leavesOf(def.innerType, path, standard);
    default:
      return [{ path, kind: def.type, schema, standard }];
  }
}

function property(value: unknown, key: string | number): unknown {
  return typeof value === "object" && value !== null
    ? (value as Record<string | number, unknown>)[key]
    : undefined;
}

/** A copy of the settings with a value in a place; what has to be around it is made. For `key`, the value is the name. */
export function place(
  settings: Record<string, unknown>,
  { path, kind }: Pick<Leaf, "path" | "kind">,
  value: unknown,
): Record<string, unknown> {
  const copy = structuredClone(settings);
  let block: Record<string | number, unknown> = copy;
  const way = kind === "key" ? path.slice(0, -1) : path;
  for (const [position, key] of way.slice(0, -1).entries()) {
    const inner = block[key];
    const next =
      typeof inner === "object" && inner !== null
        ? inner
        : typeof way[position + 1] === "number"
          ? []
          : {};
    block[key] = next;
    block = next as Record<string | number, unknown>;
  }
  const [last = ""] = way.slice(-1);
  // JSON.parse makes such a property of any name, an assignment does not.
  block[last] = kind === "key" ? JSON.parse(`{${JSON.stringify(value)}: "1"}`) : value;
  return copy;
}
