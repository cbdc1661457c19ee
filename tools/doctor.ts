import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { STACK_NAME } from "../components/names.ts";
import {
  checkCloud,
  checkHost,
  checkStack,
  checkToolchain,
  render,
  type Complaint,
} from "./doctor/complaints.ts";
import { lookAtCloud, lookAtHost, lookAtStack, stacksOf, undoneTasks } from "./doctor/gather.ts";
import { createContext, type Context } from "./setup/context.ts";
import { project } from "./setup/paths.ts";

const usage = `Usage: npm run doctor [-- --stack NAME]
Looks at this machine, the toolchain, the stack (default: all that were deployed from here) and its cloud, changes nothing, and says
what is wrong with each, with the command that mends it. The exit status is 1 if anything is.`;

/** The command; answers its exit status: 1 if anything is wrong. */
export async function doctorCommand(
  args: string[],
  context: Context,
  write: (line: string) => void = (line) => console.log(line),
): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      stack: { type: "string", short: "s" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    write(usage);
    return 0;
  }
  if (values.stack !== undefined && !STACK_NAME.test(values.stack)) {
    throw new UsageError(`${values.stack} is not the name of a stack`);
  }
  const complaints = await examine(context, values.stack);
  for (const line of render(complaints)) write(line);
  const wrong = complaints.filter(({ harmless }) => !harmless).length;
  write(wrong === 0 ? "doctor: nothing is wrong" : `doctor: ${wrong} wrong`);
  return wrong === 0 ? 0 : 1;
}

async function examine(context: Context, asked: string | undefined): Promise<Complaint[]> {
  const host = await lookAtHost(context);
  const complaints = [...checkHost(host), ...checkToolchain(await undoneTasks(context))];
  // Everything that follows asks docker.
  if (host.docker !== undefined) return complaints;
  const { root } = context.paths;
  const { folder: backend } = context.backend;
  for (const stack of asked === undefined ? await stacksOf(root, backend) : [asked]) {
    const { look, settings, deployed } = await lookAtStack(stack, context, backend);
    complaints.push(...checkStack(look));
    if (deployed) complaints.push(...checkCloud(await lookAtCloud(stack, root, settings)));
  }
  return complaints;
}

class UsageError extends Error {}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  try {
    const context = createContext(project, process.env);
    process.exitCode = await doctorCommand(process.argv.slice(2), context);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    if (!(error instanceof UsageError) && !code.startsWith("ERR_PARSE_ARGS")) throw error;
    console.error(`${(error as Error).message}\n\n${usage}`);
    process.exitCode = 2;
  }
}
