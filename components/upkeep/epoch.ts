import { access, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { RunError } from "@pulumi/pulumi";
import type { HostFacts } from "../../config/host.ts";

export interface EpochArgs {
  /** The stack's output folder. */
  directory: string;
  /** Names of files in it that must be there while the stack is deployed. */
  files: readonly string[];
  host: Pick<HostFacts, "stopped" | "living">;
  /** In words, what else of the stack ran and does not run any more. */
  ended: readonly string[];
  /** In words, what else a deployed stack has on this machine and is not there. */
  missing: readonly string[];
  /** Whether this is a preview, which writes nothing. */
  preview: boolean;
}

/** Left by a scale-down guard that was killed before it knew whether computes may leave. */
export const GUARD_MARKER = "scale-down.pending";

/** Left by the last step of the first update: from then on, what is missing was there. */
export const DEPLOYED_MARKER = "deployed";

const EPOCH_FILE = "epoch";

/**
 * What steps that wait, check or write depend on besides their own inputs. It stays the same while the machine is as
 * the last update left it. It changes when something needs them again that Pulumi's state can't show: a container or
 * a virtual machine that is started again in place, a daemon that ended, a file of the user's that is gone, a guard that was killed. A file keeps it, so that a
 * preview right after an update finds it unchanged.
 * @returns the epoch, and in words why it is a new one; no word for a stack that is made for the first time
 * @throws pulumi.RunError, one sentence, when the folder can't be written
 */
export async function currentEpoch({
  directory,
  files,
  host,
  ended,
  missing,
  preview,
}: EpochArgs): Promise<{ epoch: string; reasons: string[] }> {
  const path = join(directory, EPOCH_FILE);
  const recorded = await readFile(path, "utf8").catch(() => undefined);
  // A stack whose first update has not ended yet is made on, not repaired.
  const deployed = await exists(join(directory, DEPLOYED_MARKER));
  const gone = await Promise.all(
    files.map(async (name) => ((await exists(join(directory, name))) ? [] : [name])),
  );
  const reasons = [
    ...host.stopped.map(({ name, state }) => `container ${name} is ${state}`),
    ...ended,
    ...(deployed ? gone.flat().map((name) => `${name} is missing in ${directory}`) : []),
    ...(deployed ? missing : []),
    ...((await exists(join(directory, GUARD_MARKER))) ? ["the last scale-down was cut short"] : []),
  ];
  if (recorded !== undefined && reasons.length === 0) return { epoch: recorded, reasons };
  const epoch = preview ? `${recorded ?? ""}+` : new Date().toISOString();
  if (!preview) {
    await record(path, epoch);
  }
  return { epoch, reasons: host.living ? reasons : [] };
}

async function record(path: string, epoch: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(`${path}.new`, epoch, { mode: 0o600 });
    await rename(`${path}.new`, path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new RunError(`The stack's folder ${dirname(path)} can't be written: ${reason}`);
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
