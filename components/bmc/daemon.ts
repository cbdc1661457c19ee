import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Files of a stack's virtual BMCs. */
export interface BmcFiles {
  /** Settings of vbmcd. */
  settings: string;
  /** One folder for each BMC, with its configuration. */
  nodes: string;
  pid: string;
  log: string;
}

export function bmcFiles(directory: string): BmcFiles {
  return {
    settings: join(directory, "virtualbmc.conf"),
    nodes: join(directory, "nodes"),
    pid: join(directory, "vbmcd.pid"),
    log: join(directory, "vbmcd.log"),
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
 * In words, that the stack's daemon was started and does not run any more, after a reboot for instance; nothing while it
 * runs, and where there never was one.
 */
export function endedDaemon(directory: string): string[] {
  const files = bmcFiles(directory);
  const runs = !existsSync(files.settings) || daemonOf(files) !== undefined;
  return runs ? [] : ["the daemon of the virtual BMCs does not run"];
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
