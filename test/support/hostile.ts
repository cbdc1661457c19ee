import fc from "fast-check";
import type { z } from "zod";
import type { Leaf } from "./schema.ts";

/** How far a hunt goes: its seed, which fast-check prints with every failure, and its runs for each place. */
export const SEED = Number(process.env["OVERCLOUD_FUZZ_SEED"] ?? 20261126);
export const RUNS = Number(process.env["OVERCLOUD_FUZZ_RUNS"] ?? 5);

/** Texts that mean something to what reads the files and commands that settings end up in. */
export const HOSTILE_TEXTS = [
  ...[
    "",
    " ",
    "\t",
    "a b",
    "\n",
    "\r\n",
    "\0",
    "\u001b[31m",
    "\u2028",
    "\u0085",
    "\u202e",
    "\ud800",
  ],
  ...["ä", "名前", "😀", "ﬀ", "É", "x".repeat(300), "\u200b"],
  // Shells, options, paths.
  ...[
    "; reboot",
    "$(reboot)",
    "`reboot`",
    "$HOME",
    "${HOME}",
    "a&b",
    "a|b",
    ">x",
    "*",
    "~",
    "~root",
  ],
  ...["'", '"', "\\", "-rf", "--help", "-oProxyCommand=reboot", "/", "..", "../..", "/../..", "//"],
  // INI, ssh, XML, XSLT, YAML, Jinja, SQL, URLs.
  ...[
    "x\n[DEFAULT]\ndebug = true",
    "x\ndebug = true",
    "%(here)s",
    "%h",
    "%%",
    "# x",
    "; x",
    "a = b",
  ],
  ...["<x/>", "]]>", "&amp;", "{x}", "{{ x }}", "{% x %}", "{# x #}", "{{", "x: y", "- x", "*x"],
  ...["&x", "!!python/object:x", "|", "x\n  - y", "'; DROP TABLE x; --", "x@y", "x?y=z", "x#y"],
  // What a parser may take for something else.
  ...["null", "true", "no", "1e999", "0x10", "010.1.1.1", "1_000", "__proto__", "constructor"],
];

/** Values of which each place in the settings, whatever it is, takes at least one. */
const EXAMPLES = [
  ...["a", "/a/b", "https://h/x", "a.b", "0".repeat(64), `sha256:${"0".repeat(64)}`],
  ...["10.1.0.0/16", "10.1.0.1", "git@h:x", "1.0", "tcp://h:2376"],
];

const NUMBERS = [
  ...[0, -0, -1, 1, 2, 0.5, 1e-7, 255, 256, 4095, 65_535, 65_536, 2 ** 31, 2 ** 32, 2 ** 53, 1e21],
  ...[1e308, Number.POSITIVE_INFINITY],
];

const WRONG_TYPES = [null, true, [], {}, [[]], { a: { b: 1 } }, "", 0, "0", "true"];

/** What the place takes, so that hostile texts can be put around it; undefined where none of the examples will do. */
export function exampleOf({ schema, standard }: Leaf): string | undefined {
  const all = typeof standard === "string" && standard !== "" ? [standard] : EXAMPLES;
  return all.find((each) => (schema as z.ZodType).safeParse(each).success);
}

/** Networks of every size, at every place. */
const network = fc
  .tuple(fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.integer({ min: 0, max: 32 }))
  .map(([value, prefix]) => {
    const first = Math.floor(value / 2 ** (32 - prefix)) * 2 ** (32 - prefix);
    return `${[24, 16, 8, 0].map((shift) => Math.floor(first / 2 ** shift) % 256).join(".")}/${prefix}`;
  });

const text = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...HOSTILE_TEXTS) },
  { weight: 1, arbitrary: fc.string({ unit: "binary" }) },
  { weight: 1, arbitrary: fc.string({ unit: "grapheme-composite" }) },
);

/** The values that the place takes, where they can be counted. */
function choicesOf({ schema }: Leaf): unknown[] {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  if (def.type === "enum") return Object.values(def.entries);
  return def.type === "literal" ? [...def.values] : [];
}

/** Values for one place in the settings: what is near to what it takes, and what is nowhere near. */
export function hostileValue(leaf: Leaf): fc.Arbitrary<unknown> {
  const example = exampleOf(leaf) ?? "";
  const around = fc
    .tuple(text, fc.nat({ max: example.length }))
    .map(([hostile, at]) => example.slice(0, at) + hostile + example.slice(at));
  if (leaf.kind === "key") return fc.oneof(around, text);
  const choices = choicesOf(leaf);
  const number = typeof leaf.standard === "number" ? leaf.standard : 1;
  return fc.oneof(
    { weight: leaf.kind === "string" ? 6 : 1, arbitrary: fc.oneof(around, text) },
    { weight: /cidr/i.test(String(leaf.path.at(-1))) ? 6 : 0, arbitrary: network },
    { weight: choices.length > 0 ? 6 : 0, arbitrary: fc.constantFrom(...choices, "none of them") },
    { weight: 2, arbitrary: fc.constantFrom<unknown>(...WRONG_TYPES) },
    { weight: 2, arbitrary: fc.constantFrom(...NUMBERS, number + 1, number * 2, -number) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 4 * number + 10 }) },
    { weight: 1, arbitrary: fc.jsonValue() },
  );
}
