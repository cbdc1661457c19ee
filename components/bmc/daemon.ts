import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Files of a stack's virtual BMCs. */
export interface BmcFiles {
  /** Settings of vbmcd. */
  settings: string;
  /** One folder for each BMC, with its configuration. */
  nodes: string;
  pid: string;
  log: string;
  /** How often the daemon was started; see nextGeneration. */
  generation: string;
}

export function bmcFiles(directory: string): BmcFiles {
  return {
    settings: join(directory, "virtualbmc.conf"),
    nodes: join(directory, "nodes"),
    pid: join(directory, "vbmcd.pid"),
    log: join(directory, "vbmcd.log"),
    generation: join(directory, "generation"),
  };
}

/** The variable that tells vbmcd its settings; by its value a stack's processes are known among all others. */
export const SETTINGS_VARIABLE = "VIRTUALBMC_CONFIG";

/** Pids of the stack's daemon and its children, however they were started. */
export function processesOf({ settings }: BmcFiles): number[] {
  const variable = `${SETTINGS_VARIABLE}=${settings}`;
  return (
    readdirSync("/proc")
      .filter((entry) => /^\d+$/.test(entry))
      .filter((entry) => read(`/proc/${entry}/environ`).split("\0").includes(variable))
      // One that ended and waits for its parent has no command any more.
      .filter((entry) => read(`/proc/${entry}/cmdline`) !== "")
      .map(Number)
  );
}

/** Pid of the stack's daemon; undefined when it does not run. */
export function daemonOf(files: BmcFiles): number | undefined {
  const pid = Number(read(files.pid).trim());
  return pid > 0 && processesOf(files).includes(pid) ? pid : undefined;
}

/**
 * A number for the step that starts the daemon: the same as ever while the daemon runs, another one when it does not.
 * Pulumi repeats a step when its inputs change and looks at nothing else; so a daemon that ended, with the machine for
 * instance, is an input that changed, and the preview says so.
 */
export function nextGeneration(directory: string): number {
  const files = bmcFiles(directory);
  const last = Number(read(files.generation).trim());
  if (daemonOf(files) !== undefined) return last;
  // Where nothing is known of the last one, it is no number that was ever counted up to.
  return last > 0 ? last + 1 : Math.floor(Date.now() / 1000);
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
