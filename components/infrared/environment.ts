import path from "node:path";
import type { ActionContext } from "../step/action.ts";
import { checkArgv } from "./contract.ts";

/** Where things are in the folder that Infrared works in. */
export function infraredPaths(home: string) {
  return {
    home,
    /** Infrared's sources; commands run there, because plugins are named by their folder in it. */
    checkout: path.join(home, "checkout"),
    venv: path.join(home, "venv"),
    program: path.join(home, "venv/bin/infrared"),
    /** What was installed, and from what. */
    installed: path.join(home, "installed.json"),
    /** Infrared's list of plugins. A first command that finds none, and adds none, tries to add all there are. */
    pluginList: path.join(home, ".plugins.ini"),
    workspaceOf: (workspace: string) => path.join(home, ".workspaces", workspace),
  };
}

/**
 * Variables for everything that runs in Infrared's environment: nothing of the user's own Python, ansible or Infrared
 * reaches it. Infrared takes any `IR_<OPTION>` for an option's value.
 */
export function infraredEnvironment(
  home: string,
  inherited: NodeJS.ProcessEnv = process.env,
): Record<string, string | undefined> {
  const foreign = Object.keys(inherited).filter(
    (name) => /^(IR|ANSIBLE)_/.test(name) || FOREIGN.includes(name),
  );
  const folders = (inherited["PATH"] ?? "/usr/bin:/bin").split(path.delimiter);
  return {
    ...Object.fromEntries(foreign.map((name) => [name, undefined])),
    IR_HOME: home,
    ANSIBLE_CONFIG: path.join(home, "ansible.cfg"),
    // Infrared's ansible.cfg asks for colours in any case.
    ANSIBLE_FORCE_COLOR: "false",
    ANSIBLE_NOCOLOR: "true",
    PYTHONUNBUFFERED: "1",
    // pyenv's shims answer to names that no Python is behind, which ansible takes for interpreters.
    PATH: [path.join(home, "venv/bin"), ...folders.filter((folder) => !isShims(folder))].join(
      path.delimiter,
    ),
  };
}

const FOREIGN = ["VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "PYENV_VERSION"];

function isShims(folder: string): boolean {
  return path.basename(folder) === "shims" || folder.includes("/.pyenv/");
}

/** Runs `infrared` with arguments that were held against the contract before. */
export type RunInfrared = (...argv: string[]) => Promise<string>;

/** @throws Error naming everything that is wrong with a command line, before anything runs */
export function infraredRunner(home: string, { run }: ActionContext): RunInfrared {
  const { program, checkout } = infraredPaths(home);
  return (...argv) => {
    const problems = checkArgv(argv);
    if (problems.length > 0) return Promise.reject(new Error(problems.join(" ")));
    return run({
      argv: [program, ...argv],
      environment: infraredEnvironment(home),
      cwd: checkout,
    });
  };
}
