import { existsSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { NAME_PATTERN } from "../config/fields.ts";
import { STACK_NAME } from "../components/names.ts";
import { detectBackend } from "./setup/environment.ts";
import { project, type Paths } from "./setup/paths.ts";
import { removeAll, type Finding } from "./sweep/findings.ts";
import { holderOf } from "./sweep/machine.ts";
import { findStack } from "./sweep/stack.ts";

const usage = `Usage: npm run sweep -- --stack NAME [--yes] [--names PREFIX]
Lists everything on this machine that is the stack's, whether or not its state still knows of it: containers, networks,
volumes and images by their label; libvirt's domains, networks and pool by their names and MACs; virtual BMCs and steps
that run; stale locks; the output folder. Nothing else is looked at.
      --yes                removes all of it
      --names PREFIX       prefix of its names, where neither docker nor Pulumi.NAME.yaml tell it (default: the stack's name)`;

type Write = (line: string) => void;

/** The command; answers its exit status: 0 unless something could not be removed. */
export async function sweepCommand(
  args: string[],
  write: Write = (line) => console.log(line),
  paths: Paths = project,
): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      stack: { type: "string", short: "s" },
      names: { type: "string" },
      yes: { type: "boolean", short: "y", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const { stack, names } = values;
  if (values.help || stack === undefined) {
    write(usage);
    return values.help ? 0 : 2;
  }
  // Its files are in a folder of that name, which is removed.
  if (!STACK_NAME.test(stack)) throw new UsageError(`${stack} is not the name of a stack`);
  if (names !== undefined && !NAME_PATTERN.test(names)) {
    throw new UsageError(`${names} is not a prefix of names`);
  }
  const { folder: backend } = detectBackend(paths, process.env);
  const holder = backend && holderOf(backend, stack);
  if (holder !== undefined) {
    write(`sweep: pulumi (${holder}) is at work on ${stack}: wait for it, or end it`);
    return 1;
  }
  const found = await findStack({ stack, names, directory: paths.root, backend });
  for (const each of found.unseen) write(`sweep: not looked at: ${each}`);
  const { findings } = found;
  if (findings.length === 0) {
    write(`sweep: nothing of the stack ${stack} is on this machine`);
    return 0;
  }
  if (!values.yes) {
    write(`sweep: of the stack ${stack} there is on this machine:`);
    for (const each of findings) write(`  ${describe(each)}`);
    write(advice(backend, stack));
    return 0;
  }
  const removals = await removeAll(findings, ({ finding, failure }) =>
    write(
      failure === undefined
        ? `  removed ${describe(finding)}`
        : `  stays: ${describe(finding)}: ${failure}`,
    ),
  );
  const failed = removals.filter(({ failure }) => failure !== undefined).length;
  write(`sweep: ${removals.length - failed} removed, ${failed} still there`);
  return failed > 0 ? 1 : 0;
}

function describe({ kind, name, detail }: Finding): string {
  return `${kind} ${name}${detail ? ` (${detail})` : ""}`;
}

function advice(backend: string | undefined, stack: string): string {
  const remove = `\`npm run sweep -- --stack ${stack} --yes\` removes all of it`;
  const state = backend && path.join(backend, ".pulumi/stacks/overcloud", `${stack}.json`);
  return state && existsSync(state)
    ? `sweep: its state is there: \`pulumi destroy --stack ${stack}\` takes it away in good order; ${remove} regardless`
    : `sweep: ${remove}`;
}

class UsageError extends Error {}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  try {
    process.exitCode = await sweepCommand(process.argv.slice(2));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    if (!(error instanceof UsageError) && !code.startsWith("ERR_PARSE_ARGS")) throw error;
    console.error(`${(error as Error).message}\n\n${usage}`);
    process.exitCode = 2;
  }
}
