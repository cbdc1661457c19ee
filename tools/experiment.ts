import path from "node:path";
import { parseArgs } from "node:util";
import { PROJECT_DIRECTORY } from "../components/project.ts";
import { digestOf } from "./experiment/digest.ts";
import { FILES, readResult, writeJson } from "./experiment/result.ts";
import { runExperiment } from "./experiment/run.ts";
import { writeReport } from "./experiment/report/write.ts";

const usage = `Usage: npm run experiment -- experiments/NAME.yaml [--stack NAME]
       npm run experiment -- --resume experiments/NAME.yaml     goes on with its newest result that is unfinished
       npm run experiment -- --resume results/NAME-DATE-TIME    goes on with that one
       npm run experiment -- --compare results/A results/B      one report of both
       npm run experiment -- --report results/A                 writes the report and the summary of a result again`;

async function main(argv: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      stack: { type: "string" },
      resume: { type: "boolean", default: false },
      compare: { type: "boolean", default: false },
      report: { type: "boolean", default: false },
    },
  });
  // npm changes to the project's folder and says where it was called.
  const calledFrom = process.env["INIT_CWD"] ?? process.cwd();
  const places = positionals.map((place) => path.resolve(calledFrom, place));
  const [first, second] = places;
  const wanted = values.compare ? 2 : 1;
  if (first === undefined || places.length !== wanted) {
    const what = values.compare ? "two results" : values.report ? "one result" : "one experiment";
    throw new UsageError(`name ${what}`);
  }
  if (values.report || (values.compare && second !== undefined)) {
    const read = places.map(readResult);
    const names = read.map(({ folder }) => path.basename(path.resolve(folder)));
    const file = values.report
      ? path.join(read[0]?.folder ?? "", "report.html")
      : path.join(read[0]?.folder ?? "", "..", `compare-${names.join("-with-")}.html`);
    writeReport(
      file,
      read.map(({ result }) => result),
    );
    const [one] = read;
    if (values.report && one)
      writeJson(path.join(one.folder, FILES.summary), digestOf(one.result), 2);
    console.log(`experiment: written to ${path.relative(process.cwd(), path.resolve(file))}`);
    return 0;
  }
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      if (!stop.signal.aborted) console.log("experiment: stopping; what is under way is ended");
      stop.abort();
    });
  }
  return runExperiment({
    root: PROJECT_DIRECTORY,
    file: first,
    ...(values.stack !== undefined && { stack: values.stack }),
    resume: values.resume,
    interrupted: stop.signal,
    write: (line) => console.log(line),
  });
}

class UsageError extends Error {}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof Error)) throw error;
  const isUsage =
    error instanceof UsageError ||
    ((error as NodeJS.ErrnoException).code ?? "").startsWith("ERR_PARSE_ARGS");
  console.error(`experiment: ${error.message}${isUsage ? `\n\n${usage}` : ""}`);
  process.exitCode = isUsage ? 2 : 1;
}
