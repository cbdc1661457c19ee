import path from "node:path";
import { parseArgs } from "node:util";
import { foreground } from "./child.ts";
import { stopDaemons } from "./daemons-stop.ts";
import { project } from "./setup/paths.ts";
import { setUp } from "./setup/setup.ts";
import { purposes } from "./setup/tasks/all.ts";
import { FAULTS, test } from "./test.ts";
import { up } from "./up.ts";

const usage = `Usage: npm run <command>, or node tools/bootstrap.mjs <command>
  setup [--for up|test|lint]           everything this machine lacks for it (default: up)
  up [--stack dev] [-- <pulumi up's>]  set-up, then deploys the stack
  test [file, folder or glob …]        set-up, then the tests
  test-faults [NAME …]                 set-up, then faults for real (test/faults), all or those named
  lint                                 linter, formatter and compiler, without changing anything
  verify-tripleo                       set-up, then judges the overcloud's plans by TripleO's own tools
  experiment FILE […]                  set-up, then runs an experiment (docs/experiments.md)
  playbook PATH […]                    set-up, then runs a playbook against a deployed cloud (tools/playbook.ts)
  audit                                known weaknesses of dependencies (tools/audit.ts)
  doctor [--stack NAME]                what is wrong, and what mends it (tools/doctor.ts)
  sweep --stack NAME […]               what a stack left on this machine, and its removal (tools/sweep.ts)
  bench […]                            set-up, then measures (tools/bench.ts)
  verify-infrared --checkout PATH […]  the plans for Infrared with a real one (tools/verify-infrared.ts)
  daemons-stop                         ends the daemons that set-up started`;

async function main(argv: readonly string[]): Promise<number> {
  const [command, ...args] = argv;
  switch (command) {
    case "setup": {
      const { values } = parseArgs({ args, options: { for: { type: "string", default: "up" } } });
      const purpose = purposes.find((known) => known === values.for);
      if (!purpose) throw new UsageError(`--for takes ${purposes.join(", ")}, not ${values.for}`);
      return (await setUp(project, purpose)) ? 0 : 1;
    }
    case "up": {
      const rest = args.indexOf("--");
      const [own, extra] = rest < 0 ? [args, []] : [args.slice(0, rest), args.slice(rest + 1)];
      const options = { stack: { type: "string", short: "s", default: "dev" } } as const;
      const { values } = parseArgs({ args: own, options });
      const context = await setUp(project, "up");
      return context ? up(context, values.stack, extra) : 1;
    }
    case "test": {
      const { positionals } = parseArgs({ args, options: {}, allowPositionals: true });
      const context = await setUp(project, "test");
      return context ? test(context, positionals) : 1;
    }
    case "test-faults": {
      const { positionals } = parseArgs({ args, options: {}, allowPositionals: true });
      const files = positionals.map(
        (name) => `${FAULTS}/${name.replace(/\.test\.ts$/, "")}.test.ts`,
      );
      const context = await setUp(project, "test");
      return context ? test(context, files.length > 0 ? files : [FAULTS]) : 1;
    }
    case "lint": {
      const context = await setUp(project, "lint");
      const options = { cwd: project.root, env: context?.childEnv ?? process.env };
      return context ? foreground("npm", ["run", "--silent", "lint"], options) : 1;
    }
    case "experiment":
    case "verify-tripleo":
    case "playbook":
    case "bench": {
      const script = path.join(project.root, "tools", `${command}.ts`);
      // What only reads results can be done on any machine.
      const reads = command === "experiment" && /^--(compare|report)$/m.test(args.join("\n"));
      const context = reads ? { childEnv: process.env } : await setUp(project, "up");
      const options = { cwd: project.root, env: context?.childEnv ?? process.env };
      return context ? foreground(process.execPath, [script, ...args], options) : 1;
    }
    case "audit":
    case "doctor":
    case "sweep":
    case "verify-infrared": {
      // Needs nothing of set-up but the packages that bootstrap.mjs has seen to.
      const script = path.join(project.root, "tools", `${command}.ts`);
      const options = { cwd: project.root, env: process.env };
      const argv = ["--disable-warning=ExperimentalWarning", script, ...args];
      return foreground(process.execPath, argv, options);
    }
    case "daemons-stop":
      return stopDaemons(project);
    case undefined:
    case "help":
    case "--help":
      console.log(usage);
      return 0;
    default:
      throw new UsageError(`there is no command "${command}"`);
  }
}

class UsageError extends Error {}

function isUsageError(error: unknown): error is Error {
  const code = (error as NodeJS.ErrnoException).code ?? "";
  return error instanceof UsageError || code.startsWith("ERR_PARSE_ARGS");
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!isUsageError(error)) throw error;
  console.error(`${error.message}\n\n${usage}`);
  process.exitCode = 2;
}
