import { readFileSync } from "node:fs";
import { z } from "zod";

const optionSchema = z.strictObject({
  /** Without dashes. */
  name: z.string(),
  short: z.string().length(1).optional(),
  /** Infrared's own name of the type; decides whether there is a value and how it is written. */
  type: z.string(),
  action: z.string().optional(),
  choices: z.array(z.string()).optional(),
  default: z.union([z.string(), z.number(), z.boolean()]).optional(),
  required: z.literal(true).optional(),
  /** Conditions on other options, all of which make this one required. */
  requiredWhen: z.array(z.string()).optional(),
  /** Options that are not required once this one is given. */
  silences: z.array(z.string()).optional(),
  /** Most characters of the value. */
  length: z.number().optional(),
});

const sourceSchema = z.strictObject({
  repository: z.string(),
  revision: z.string(),
  files: z.array(z.string()),
});

const commandSchema = z.strictObject({
  /** What follows `infrared` on the command line. */
  words: z.array(z.string()).min(1),
  /** Fewest and most arguments that are no options. */
  positionals: z.tuple([z.number(), z.number()]).default([0, 0]),
  /** Whether it takes the options that all plugins share, too. */
  plugin: z.boolean().default(false),
  options: z.array(optionSchema),
});

const fileSchema = z.strictObject({
  source: sourceSchema,
  /** Options that every plugin takes. */
  shared: z.array(optionSchema).default([]),
  commands: z.array(commandSchema),
});

export type ContractOption = z.output<typeof optionSchema>;
export type ContractCommand = z.output<typeof commandSchema>;
export type Contract = z.output<typeof fileSchema>;

/** The files beside this one; tools/infrared/record.ts writes those of the plugins from a checkout. */
export const CONTRACT_FILES = ["core", "virsh", "tripleo-undercloud"] as const;
export type ContractFile = (typeof CONTRACT_FILES)[number];

/** @throws z.ZodError if the recorded file was damaged */
export function readContract(file: ContractFile): Contract {
  const text = readFileSync(new URL(`contract/${file}.json`, import.meta.url), "utf8");
  return fileSchema.parse(JSON.parse(text));
}

let known: ContractCommand[] | undefined;

/** Every recorded command, plugins with the options that all of them share. */
export function contractCommands(): ContractCommand[] {
  if (known) return known;
  const files = CONTRACT_FILES.map(readContract);
  const shared = files.flatMap((file) => file.shared);
  known = files
    .flatMap(({ commands }) => commands)
    .map((command) =>
      command.plugin ? { ...command, options: [...command.options, ...shared] } : command,
    );
  return known;
}

/** Actions of options that stand by themselves, without a value. */
const WITHOUT_VALUE = new Set(["store_true", "count"]);

export function takesValue({ type, action }: ContractOption): boolean {
  return type !== "Flag" && !WITHOUT_VALUE.has(action ?? "");
}

function isRepeatable({ type, action }: ContractOption): boolean {
  return action === "append" || action === "count" || type === "NestedList";
}

/**
 * Checks a command line against what Infrared is recorded to understand. Stricter than Infrared's parser, which takes
 * abbreviations and lets the last of several values win.
 * @param argv without the program's own name
 * @returns one sentence per problem; none if Infrared's parser would take the line
 */
export function checkArgv(
  argv: readonly string[],
  commands: readonly ContractCommand[] = contractCommands(),
): string[] {
  const command = commands.find(({ words }) => words.every((word, at) => argv[at] === word));
  if (!command) {
    const all = commands.map(({ words }) => words.join(" ")).join(", ");
    return [`infrared ${argv.slice(0, 2).join(" ")} is no recorded command; there are: ${all}.`];
  }
  const name = `infrared ${command.words.join(" ")}`;
  const { given, positionals, problems } = parse(command, argv.slice(command.words.length));
  const [fewest, most] = command.positionals;
  if (positionals.length < fewest || positionals.length > most) {
    const range = fewest === most ? String(fewest) : `${fewest} to ${most}`;
    problems.push(
      `it takes ${range} arguments besides options, not ${positionals.length} (${positionals.join(" ")})`,
    );
  }
  for (const [option, values] of given) problems.push(...checkValues(option, values));
  problems.push(...checkRequired(command, given));
  return problems.map((problem) => `${name}: ${problem}.`);
}

type Given = Map<ContractOption, string[]>;

function parse(command: ContractCommand, argv: readonly string[]) {
  const given: Given = new Map();
  const positionals: string[] = [];
  const problems: string[] = [];
  const add = (option: ContractOption, value: string) =>
    given.set(option, [...(given.get(option) ?? []), value]);
  const rest = [...argv];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const [, long, glued] = /^--([^=]+)(?:=([^]*))?$/.exec(word) ?? [];
    const [, short, tail] = /^-([^-])([^]*)$/.exec(word) ?? [];
    if (long === undefined && short === undefined) {
      positionals.push(word);
      continue;
    }
    const option = command.options.find((each) =>
      long === undefined ? each.short === short : each.name === long,
    );
    if (!option) {
      problems.push(`there is no option ${long === undefined ? `-${short}` : `--${long}`}`);
      // Its value, if it has one, is no argument of its own.
      if (glued === undefined && rest[0] !== undefined && !rest[0].startsWith("-")) rest.shift();
    } else if (!takesValue(option)) {
      if (glued !== undefined) problems.push(`--${option.name} takes no value`);
      add(option, "");
      // `-vv` counts twice.
      for (const more of tail ?? "") {
        if (more === option.short) add(option, "");
        else problems.push(`there is no option -${more}`);
      }
    } else {
      const value = glued ?? (tail || undefined) ?? rest.shift();
      if (value === undefined || (glued === undefined && value.startsWith("-"))) {
        problems.push(`--${option.name} lacks its value`);
      } else {
        add(option, value);
      }
    }
  }
  return { given, positionals, problems };
}

function* checkValues(option: ContractOption, values: readonly string[]): Generator<string> {
  const { name, choices, length } = option;
  if (values.length > 1 && !isRepeatable(option)) {
    yield `--${name} is given ${values.length} times, the last would win`;
  }
  for (const value of values) {
    const shape = SHAPES[option.type];
    if (choices && !choices.includes(value)) {
      yield `--${name} is ${value}; it takes one of: ${choices.join(", ")}`;
    } else if (takesValue(option) && shape && !shape.pattern.test(value)) {
      yield `--${name} is ${value}; it takes ${shape.says}`;
    } else if (length !== undefined && value.length > length) {
      yield `--${name} is ${value}; it takes at most ${length} characters`;
    }
  }
}

/** What values of Infrared's types look like; values of other types are any text. */
const SHAPES: Partial<Record<string, { pattern: RegExp; says: string }>> = {
  Bool: { pattern: /^(yes|no|true|false|on|off)$/i, says: "yes or no" },
  IniType: { pattern: /^[^.=]+\.[^=]+=/, says: "section.option=value" },
  Dict: { pattern: /^[^=]+=/, says: "key=value" },
  ListOfTopologyFiles: {
    pattern: /^[\w.-]+:[\w.-]+(,[\w.-]+:[\w.-]+)*$/,
    says: "role:count,role:count",
  },
  ExtraVars: { pattern: /^(@.+|[^=]+=[^]*)$/, says: "key=value or @file" },
};

function checkRequired({ options }: ContractCommand, given: Given): string[] {
  const silenced = new Set([...given.keys()].flatMap(({ silences }) => silences ?? []));
  const values = new Map(
    options.flatMap((option): [string, string][] => {
      const value = given.get(option)?.at(-1) ?? option.default;
      return value === undefined ? [] : [[option.name, String(value)]];
    }),
  );
  return options.flatMap((option) => {
    const { name, required, requiredWhen } = option;
    if (silenced.has(name) || given.has(option)) return [];
    if (required && !values.has(name)) return [`--${name} is missing`];
    const conditions = requiredWhen ?? [];
    const names = options.map((each) => each.name);
    const holds = conditions.every((condition) => evaluate(condition, names, values));
    if (conditions.length === 0 || values.has(name) || !holds) return [];
    return [`--${name} is missing, it is required when ${conditions.join(" and ")}`];
  });
}

/**
 * A condition as Infrared reads it: words between blanks; names of options stand for their values, `and` binds tighter
 * than `or`. A condition on an option that is not set does not hold, whatever else it says.
 */
function evaluate(
  condition: string,
  names: readonly string[],
  values: ReadonlyMap<string, string>,
): boolean {
  const words = condition.trim().split(/\s+/);
  if (words.some((word) => names.includes(word) && !values.has(word))) return false;
  const operand = (word = "") => normalise(values.get(word) ?? word);
  return words
    .join(" ")
    .split(" or ")
    .some((alternative) =>
      alternative.split(" and ").every((comparison) => {
        const [left, operator, right] = comparison.split(" ");
        return operator === "!="
          ? operand(left) !== operand(right)
          : operand(left) === operand(right);
      }),
    );
}

/** One spelling for what YAML takes for the same: quotes go, booleans are words of many kinds. */
function normalise(value: string): string {
  const bare = value.replace(/^(['"])(.*)\1$/, "$2");
  if (/^(yes|true|on)$/i.test(bare)) return "true";
  return /^(no|false|off)$/i.test(bare) ? "false" : bare;
}
