import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { cp, mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import type { InfraredSettings } from "../../config/infrared.ts";
import type { Action, ActionContext } from "../step/action.ts";
import { infraredEnvironment, infraredPaths } from "./environment.ts";

export interface InstallArgs {
  home: string;
  source: InfraredSettings["source"];
  /** Program; default the newest Python that Infrared can run on. */
  python?: string | undefined;
  /** Versions by package, "" for those without. */
  pins: Record<string, string>;
  /** Each new value, besides the empty one, removes everything once. */
  cleanup: string;
}

/** Versions that are known to work with each other, Infrared and Python 3.11. */
export const PINS: Readonly<Record<string, string>> = {
  pip: "23.2.1",
  setuptools: "45.3.0",
  ansible: "2.9.27",
  Jinja2: "3.1.6",
  MarkupSafe: "3.0.4",
  PyYAML: "6.0.3",
  netaddr: "0.10.1",
  openstacksdk: "0.62.0",
  jsonschema: "3.2.0",
};

/** Newer ones lack modules that Infrared imports. */
const NEWEST_PYTHON = 11;
const OLDEST_PYTHON = 6;

/** What Infrared's own use leaves in a checkout: no part of its sources. */
const NOT_SOURCES = [".workspaces", ".plugins.ini", ".venv", "venv", ".tox", "build", ".ansible"];

const installedSchema = z.object({
  /** Of everything that it was installed from. */
  digest: z.string(),
  /** Commit of the checkout; empty if it is no git repository. */
  revision: z.string(),
  /** Whether the folder was made for it, and goes with it. */
  madeHome: z.boolean(),
  /** The last value that it was cleaned up for. */
  cleanup: z.string().default(""),
});

export type Installed = z.output<typeof installedSchema>;

/** What is installed there; undefined if nothing is, or not completely. */
export async function readInstalled(home: string): Promise<Installed | undefined> {
  const { installed, program } = infraredPaths(home);
  if (!existsSync(installed) || !existsSync(program)) return undefined;
  return installedSchema.parse(JSON.parse(await readFile(installed, "utf8")));
}

/**
 * Puts Infrared into an environment of its own: its sources and a virtual environment with known versions. Does nothing
 * where the same is installed already.
 */
export const installInfrared: Action<InstallArgs> = async (args, context) => {
  const { home, source, pins } = args;
  const paths = infraredPaths(home);
  const digest = digestOf([source, args.python, pins]);
  const before = await readInstalled(home);
  const cleaning = args.cleanup !== "" && before !== undefined && before.cleanup !== args.cleanup;
  if (before?.digest === digest && !cleaning) {
    return { revision: before.revision, cleanup: before.cleanup };
  }

  const madeHome = before?.madeHome ?? !existsSync(home);
  if (cleaning) {
    context.report("removing Infrared and its workspaces, as confirm.cleanupInfrared says");
    if (before.madeHome) await rm(home, { recursive: true, force: true });
    else await uninstallInfrared({ home }, context);
  }
  await mkdir(home, { recursive: true, mode: 0o700 });
  await rm(paths.installed, { force: true });
  await fetchSources(source, paths.checkout, context);
  await rm(paths.venv, { recursive: true, force: true });
  await makeEnvironment(args, context);
  const revision = await revisionOf(paths.checkout, context);
  // Last, and at once: what is half done is done again.
  const cleanup = args.cleanup || (before?.cleanup ?? "");
  const installed: Installed = { digest, revision, madeHome, cleanup };
  await writeFile(`${paths.installed}.new`, JSON.stringify(installed));
  await rename(`${paths.installed}.new`, paths.installed);
  return { revision, cleanup };
};

async function fetchSources(
  source: InstallArgs["source"],
  checkout: string,
  { run, report }: ActionContext,
): Promise<void> {
  await rm(checkout, { recursive: true, force: true });
  if (source.path !== undefined) {
    report(`copying Infrared from ${source.path}`);
    if (!existsSync(path.join(source.path, "plugins"))) {
      throw new Error(
        `${source.path} is no checkout of Infrared, it has no plugins: set infrared.source.path`,
      );
    }
    const from = source.path;
    await cp(from, checkout, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (file) => !NOT_SOURCES.includes(path.relative(from, file)),
    });
    return;
  }
  report(`cloning Infrared from ${source.repository}`);
  const environment = { GIT_TERMINAL_PROMPT: "0" };
  await run({ argv: ["git", "clone", "--quiet", source.repository, checkout], environment });
  const argv = ["git", "-C", checkout, "checkout", "--quiet", source.revision];
  await run({ argv, environment });
}

async function makeEnvironment(
  { home, python, pins }: InstallArgs,
  context: ActionContext,
): Promise<void> {
  const { venv, checkout } = infraredPaths(home);
  const environment = infraredEnvironment(home);
  const inVenv = (...argv: string[]) =>
    context.run({ argv: [path.join(venv, "bin/python"), ...argv], environment, cwd: checkout });
  const program = await findPython(home, python, context);
  context.report(`making an environment for Infrared with ${program}`);
  await context.run({ argv: [program, "-m", "venv", venv], environment });
  const requirements = requirementsOf({ ...PINS, ...pins });
  const constraints = path.join(venv, "constraints.txt");
  await writeFile(constraints, requirements.map((line) => `${line}\n`).join(""));
  const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
  // What installs comes first, by itself: Infrared's setup.py runs under it.
  const tools = requirements.filter((each) => /^(pip|setuptools)==/.test(each));
  if (tools.length > 0) await inVenv(...pip, ...tools, "wheel");
  await inVenv(...pip, "--constraint", constraints, ".");
}

/** Versions as pip reads them; those that are empty are left to Infrared. */
export function requirementsOf(pins: Readonly<Record<string, string>>): string[] {
  return Object.entries(pins)
    .filter(([, version]) => version !== "")
    .map(([name, version]) => `${name}==${version}`);
}

async function findPython(
  home: string,
  asked: string | undefined,
  { run }: ActionContext,
): Promise<string> {
  const newerFirst = Array.from(
    { length: NEWEST_PYTHON - OLDEST_PYTHON + 1 },
    (_, index) => `python3.${NEWEST_PYTHON - index}`,
  );
  for (const program of asked === undefined ? [...newerFirst, "python3"] : [asked]) {
    const code = "import sys; print('%d.%d' % sys.version_info[:2])";
    const version = await run({
      argv: [program, "-c", code],
      environment: infraredEnvironment(home),
    }).catch(() => undefined);
    const [major, minor = 0] = (version ?? "0.0").trim().split(".").map(Number);
    if (major === 3 && minor >= OLDEST_PYTHON && minor <= NEWEST_PYTHON) return program;
    if (asked !== undefined) {
      const is = version === undefined ? "can't be run" : `is Python ${version.trim()}`;
      throw new Error(
        `${asked} ${is}: Infrared needs Python 3.${OLDEST_PYTHON} to 3.${NEWEST_PYTHON}, set infrared.python to one`,
      );
    }
  }
  throw new Error(
    `there is no Python 3.${OLDEST_PYTHON} to 3.${NEWEST_PYTHON} for Infrared: install one, or set infrared.python`,
  );
}

async function revisionOf(checkout: string, { run }: ActionContext): Promise<string> {
  if (!existsSync(path.join(checkout, ".git"))) return "";
  return (await run({ argv: ["git", "-C", checkout, "rev-parse", "HEAD"] })).trim();
}

function digestOf(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex");
}

/** Removes what installInfrared made; workspaces and plugins of others stay, and so does a folder that was there before. */
export const uninstallInfrared: Action<Pick<InstallArgs, "home">> = async ({ home }) => {
  const paths = infraredPaths(home);
  const before = await readInstalled(home);
  for (const each of [paths.checkout, paths.venv, paths.installed]) {
    await rm(each, { recursive: true, force: true });
  }
  const workspaces = path.join(home, ".workspaces");
  const others = existsSync(workspaces) ? await readdir(workspaces) : [];
  if (before?.madeHome && others.every((name) => name === "active")) {
    await rm(home, { recursive: true, force: true });
  }
};
