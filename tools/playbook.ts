import { existsSync, globSync, openSync, closeSync, readFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { pathToFileURL } from "node:url";
import { ansibleProgram, PROGRAM, withOutcome } from "../components/ansible/ansible.ts";
import { failureOf, readOutcome } from "../components/ansible/outcome.ts";
import { namesIn } from "../components/ansible/patterns.ts";
import { writePrivately } from "../components/access/files.ts";
import { readContent } from "../components/playbook/content.ts";
import { checkLimit, cloudEnvironment, explained, judge } from "../components/playbook/run.ts";
import { knownTags, unknownTags } from "../config/playbooks.ts";
import { foreground } from "./child.ts";
import { project } from "./setup/paths.ts";

/** What one run is about; nothing of it touches the stack. */
export interface PlaybookOptions {
  /** Name of a stack that is deployed from here. */
  stack: string;
  /** A file, or the name of one of the project's own playbooks, such as boot_servers. */
  path: string;
  /** Default: all. */
  tags?: readonly string[];
  skipTags?: readonly string[];
  /** Variables for the playbook; on no command line. */
  extraVars?: Readonly<Record<string, unknown>>;
  /** Further values for ansible-playbook --extra-vars, which come last and so win: KEY=VALUE or @FILE. */
  extra?: readonly string[];
  /** Pattern of the hosts that it is limited to. */
  limit?: string | undefined;
  /** Whether it is only tried. Default false. */
  check?: boolean;
  /** File that all output is added to. Default: none, it goes to this process's own. */
  log?: string;
  /** Gets the one sentence that says what is wrong. Default: prints it on standard error. */
  complain?: (sentence: string) => void;
}

/** What a run is refused for before it starts. */
class Refusal extends Error {}

/**
 * Runs a playbook against a deployed cloud.
 * @returns 0 if all went well, else ansible's own status, or 1 where ansible sees nothing wrong or was not started
 */
export async function runPlaybook(options: PlaybookOptions): Promise<number> {
  const { stack, complain = (sentence: string) => console.error(`playbook: ${sentence}`) } =
    options;
  const directory = path.join(project.root, "output", stack);
  const cloud = { cloudsYaml: path.join(directory, "clouds.yaml"), cloud: stack };
  try {
    const inventory = inventoryOf(stack, directory);
    const names = namesIn(readFileSync(inventory, "utf8"));
    const playbook = await check(options, inventory, names);
    return await withOutcome(async (outcomeFile, folder) => {
      const variables = path.join(folder, "variables.json");
      await writePrivately(variables, JSON.stringify(options.extraVars ?? {}));
      const { tags = [], limit, log } = options;
      const { argv, environment } = ansibleProgram(
        {
          ...options,
          playbook,
          inventory,
          extraVars: [`@${variables}`, ...(options.extra ?? [])],
          environment: cloudEnvironment(cloud),
        },
        outcomeFile,
      );
      const status = await start(argv, environment ?? {}, log);
      const outcome = await readOutcome(outcomeFile);
      if (status !== 0) {
        const said = failureOf(outcome) ?? `ansible-playbook ended with ${status}, see above`;
        complain((await explained(new Error(said), cloud, AbortSignal.timeout(15_000))).message);
        return status;
      }
      if (outcome) judge(outcome, { playbook, tags: [...tags], limit }, names);
      return 0;
    });
  } catch (error) {
    complain(error instanceof Error ? error.message : String(error));
    return 1;
  }
}

function inventoryOf(stack: string, directory: string): string {
  const inventory = path.join(directory, "inventory.yml");
  if (existsSync(inventory)) return inventory;
  const stacks = globSync("*/inventory.yml", { cwd: path.join(project.root, "output") });
  const known = stacks.map((file) => path.dirname(file)).sort();
  const others = known.length > 0 ? `, only ${known.join(", ")}` : "";
  throw new Refusal(
    `no stack ${stack} is deployed from here${others}; \`npm run up -- --stack ${stack}\` deploys it`,
  );
}

/** @returns where the playbook is */
async function check(
  { path: asked, tags = [], skipTags = [], limit, extra = [] }: PlaybookOptions,
  inventory: string,
  names: ReadonlySet<string>,
): Promise<string> {
  if (!existsSync(PROGRAM)) throw new Refusal(`${PROGRAM} is not there; run \`npm run setup\``);
  const playbook = find(asked);
  const content = await readContent(playbook).catch((error: unknown) => {
    throw new Refusal(`${asked} ${error instanceof Error ? error.message : String(error)}`);
  });
  const wrong = unknownTags([...tags, ...skipTags], content);
  if (wrong.length > 0) {
    throw new Refusal(`${wrong.join(", ")} is no tag of ${asked}${knownTags(content)}`);
  }
  checkLimit(limit, names, inventory);
  for (const value of extra) {
    if (value.startsWith("@") && !existsSync(value.slice(1))) {
      throw new Refusal(`the file of variables ${value.slice(1)} is not there`);
    }
  }
  return playbook;
}

/** Relative to where the command was given; else to the project, else one of the project's own by its name. */
function find(asked: string): string {
  const places = [
    path.resolve(calledFrom(), asked),
    path.resolve(project.root, asked),
    path.join(project.root, "playbooks", `${asked}.yml`),
  ];
  return places.find((place) => existsSync(place)) ?? path.resolve(calledFrom(), asked);
}

/** npm changes to the project's folder and says where it was called. */
function calledFrom(): string {
  return process.env["INIT_CWD"] ?? process.cwd();
}

async function start(
  [program = "", ...args]: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  log: string | undefined,
): Promise<number> {
  const options = { cwd: calledFrom(), env: { ...process.env, ...environment } };
  if (log === undefined) return foreground(program, args, options);
  const file = openSync(log, "a", 0o600);
  try {
    const plain = { ...options.env, ANSIBLE_NOCOLOR: "1", ANSIBLE_FORCE_COLOR: "0" };
    return await foreground(program, args, {
      ...options,
      env: plain,
      stdio: ["ignore", file, file],
    });
  } finally {
    closeSync(file);
  }
}

const usage = `Usage: npm run playbook -- PATH [options]
  PATH                     a playbook, or the name of one in playbooks/: boot_servers
  -t, --tags TAGS          only what has one of these tags (a,b)
      --skip-tags TAGS     all but what has one of these tags
  -e, --extra-vars VARS    KEY=VALUE or @FILE; more than once
  -l, --limit PATTERN      only these hosts and groups of the inventory
  -s, --stack NAME         the stack (default: dev)
  -C, --check              only tries what would change`;

/** The command: `npm run playbook -- …`. */
export async function playbookCommand(args: string[]): Promise<number> {
  const list = { type: "string", multiple: true } as const;
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      tags: { ...list, short: "t" },
      "skip-tags": list,
      "extra-vars": { ...list, short: "e" },
      limit: { type: "string", short: "l" },
      stack: { type: "string", short: "s", default: "dev" },
      check: { type: "boolean", short: "C", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const [playbook, ...more] = positionals;
  if (values.help || playbook === undefined || more.length > 0) {
    console.log(usage);
    return values.help ? 0 : 2;
  }
  const split = (texts: string[] = []) => texts.flatMap((text) => text.split(",")).filter(Boolean);
  return runPlaybook({
    stack: values.stack,
    path: playbook,
    tags: split(values.tags),
    skipTags: split(values["skip-tags"]),
    extra: (values["extra-vars"] ?? []).map(fromCaller),
    limit: values.limit,
    check: values.check,
  });
}

function fromCaller(value: string): string {
  return value.startsWith("@") ? `@${path.resolve(calledFrom(), value.slice(1))}` : value;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  try {
    process.exitCode = await playbookCommand(process.argv.slice(2));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    if (!code.startsWith("ERR_PARSE_ARGS")) throw error;
    console.error(`${(error as Error).message}\n\n${usage}`);
    process.exitCode = 2;
  }
}
