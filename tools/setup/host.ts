import { accessSync, constants, existsSync, readFileSync, realpathSync, statSync } from "node:fs";
import path from "node:path";
import { execa } from "execa";
import { SetupError } from "./report.ts";

/** Full path of a command, or undefined. Folders in `except` are not looked at. */
export function which(
  command: string,
  env: NodeJS.ProcessEnv = process.env,
  except: readonly string[] = [],
): string | undefined {
  const hidden = new Set(except.map(realFolder));
  return (env.PATH ?? "")
    .split(path.delimiter)
    .filter((folder) => folder !== "" && !hidden.has(realFolder(folder)))
    .map((folder) => path.join(folder, command))
    .find(isExecutable);
}

/** A folder by the one path that leads there without symbolic links; by its absolute path where there is none. */
function realFolder(folder: string): string {
  try {
    return realpathSync(folder);
  } catch {
    return path.resolve(folder);
  }
}

/** Whether this is a file that may be run. */
export function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/** Whether we are root. */
export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/**
 * The argv that runs a command as root: itself, or by `sudo -n` (which never asks: set-up's tasks run
 * side by side, so nobody could tell what a password is asked for).
 */
export async function asRoot(argv: readonly string[], purpose: string): Promise<string[]> {
  if (isRoot()) return [...argv];
  const sudo = which("sudo");
  if (sudo !== undefined) {
    const allowed = await execa(sudo, ["-n", "true"], { reject: false });
    if (!allowed.failed) return [sudo, "-n", ...argv];
  }
  throw new SetupError(
    `${purpose} takes root: run \`sudo -v\` first, or the same command as root, or do it yourself (${argv.join(" ")}).`,
  );
}

/** Whether systemd manages services here. */
export function systemdRuns(): boolean {
  return existsSync("/run/systemd/system");
}

/** Whether packages come from Debian or a distribution made from it. */
export function isDebianLike(osRelease = readText("/etc/os-release")): boolean {
  const ids = [...osRelease.matchAll(/^ID(?:_LIKE)?="?([^"\n]*)"?$/gm)].flatMap((match) =>
    (match[1] ?? "").split(" "),
  );
  return (ids.includes("debian") || ids.includes("ubuntu")) && which("apt-get") !== undefined;
}

/** A file's text, "" where it cannot be read. */
export function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

/** Changes with every boot: what was found out about a machine holds no longer than that. */
export function bootId(): string {
  return readText("/proc/sys/kernel/random/boot_id").trim();
}

/** Compares dotted versions by number: whether `version` is at least `minimum`. */
export function atLeast(version: string, minimum: string): boolean {
  const parse = (text: string) => text.replace(/^v/, "").split(/[.+-]/).map(Number);
  const [have, want] = [parse(version), parse(minimum)];
  for (const [index, wanted] of want.entries()) {
    const difference = (have[index] ?? 0) - wanted;
    if (Number.isNaN(difference)) return false;
    if (difference !== 0) return difference > 0;
  }
  return true;
}
