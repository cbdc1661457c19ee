import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { execa } from "execa";
import {
  decisionsSchema,
  goAdvisories,
  judge,
  npmAdvisories,
  type Advisory,
} from "./audit/findings.ts";
import { isReachable } from "./setup/download.ts";
import { project, type Paths } from "./setup/paths.ts";

/** Scanner of Go programs, as a module of the Go proxy. */
const GOVULNCHECK = "golang.org/x/vuln/cmd/govulncheck@v1.1.4";

/** Where it knows advisories from; it would first spend minutes on a program's sources, and then find it closed. */
const GO_ADVISORIES = "https://vuln.go.dev/index/db.json";

/** What one scanner says; where it can't be asked, why. */
type Scan = { advisories: Advisory[] } | { unasked: string };

/**
 * Asks scanners of what the project depends on. The exit status is 1 if there is an advisory without a decision in
 * tools/audit/decisions.json; a scanner that can't be asked, as with a registry that is a mirror, is told and is no failure.
 */
export async function audit(
  paths: Paths = project,
  write: (line: string) => void = (line) => console.log(line),
): Promise<number> {
  const file = path.join(paths.root, "tools/audit/decisions.json");
  const decisions = decisionsSchema.parse(JSON.parse(readFileSync(file, "utf8")));
  const scans = [await scanNpm(paths.root)];
  if (await isReachable(GO_ADVISORIES)) {
    for (const module of globSync("*/go.mod", { cwd: paths.sources })) {
      scans.push(await scanGo(path.join(paths.sources, path.dirname(module))));
    }
  } else scans.push({ unasked: `govulncheck: nothing answers at ${GO_ADVISORIES}` });
  for (const scan of scans) if ("unasked" in scan) write(`audit: not asked: ${scan.unasked}`);
  const answers = scans.filter((scan) => "advisories" in scan).length;
  const asked = answers === scans.length;
  const all = scans.flatMap((scan) => ("advisories" in scan ? scan.advisories : []));
  const { undecided, outdated } = judge(all, decisions);
  for (const { id, where, title } of undecided) write(`audit: ${id} in ${where}: ${title}`);
  if (asked) {
    for (const id of outdated) write(`audit: ${id} is decided about and found no more`);
  }
  write(
    `audit: ${answers} of ${scans.length} scans, ${all.length} advisories, ${undecided.length} without a decision`,
  );
  return undecided.length > 0 || (asked && outdated.length > 0) ? 1 : 0;
}

async function scanNpm(cwd: string): Promise<Scan> {
  const { stdout } = await execa("npm", ["audit", "--json", "--package-lock-only"], {
    ...{ cwd, reject: false, stdin: "ignore", timeout: 120_000 },
  });
  try {
    return { advisories: npmAdvisories(stdout) };
  } catch {
    return { unasked: `npm's registry about package-lock.json: ${lastWords(stdout)}` };
  }
}

async function scanGo(cwd: string): Promise<Scan> {
  const program = path.basename(cwd);
  const args = ["run", GOVULNCHECK, "-format", "json", "./..."];
  const { failed, stdout, stderr } = await execa("go", args, {
    ...{ cwd, reject: false, stdin: "ignore", timeout: 1_200_000 },
  });
  if (failed) return { unasked: `govulncheck about ${program}: ${lastWords(stderr)}` };
  return { advisories: goAdvisories(stdout, program) };
}

function lastWords(text: string): string {
  const message = /"message": "([^"]+)"/.exec(text)?.[1];
  return message ?? text.trim().split("\n").at(-1) ?? "";
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) process.exitCode = await audit();
