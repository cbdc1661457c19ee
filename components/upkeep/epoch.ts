import { access, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { HostFacts } from "../../config/host.ts";

export interface EpochArgs {
  /** The stack's output folder. */
  directory: string;
  /** Names of files in it that must be there while the stack is deployed. */
  files: readonly string[];
  host: Pick<HostFacts, "stopped" | "living" | "routes">;
  /** Networks that the host must have a route to while the stack is deployed. */
  routes: readonly string[];
  /** Virtual machines that must run while the stack is deployed, and don't, with libvirt's word for what they are. */
  switchedOff?: readonly { name: string; state: string }[];
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
 * the last update left it. It changes when something needs them again that Pulumi's state can't show: a container or a
 * virtual machine that is started again in place, a file of the user's that is gone, a guard that was killed. A file keeps it, so that a
 * preview right after an update finds it unchanged.
 * @returns the epoch, and in words why it is a new one; no word for a stack that is made for the first time
 */
export async function currentEpoch({
  directory,
  files,
  host,
  routes,
  switchedOff = [],
  preview,
}: EpochArgs): Promise<{ epoch: string; reasons: string[] }> {
  const path = join(directory, EPOCH_FILE);
  const recorded = await readFile(path, "utf8").catch(() => undefined);
  // A stack whose first update has not ended yet is made on, not repaired.
  const deployed = await exists(join(directory, DEPLOYED_MARKER));
  const missing = await Promise.all(
    files.map(async (name) => ((await exists(join(directory, name))) ? [] : [name])),
  );
  const lost = routes.filter((network) => host.routes.every(({ cidr }) => cidr !== network));
  const reasons = [
    ...host.stopped.map(({ name, state }) => `container ${name} is ${state}`),
    ...(deployed ? missing.flat().map((name) => `${name} is missing in ${directory}`) : []),
    ...(deployed ? lost.map((network) => `this machine has no route to ${network}`) : []),
    ...(deployed
      ? switchedOff.map(({ name, state }) => `virtual machine ${name} is ${state}`)
      : []),
    ...((await exists(join(directory, GUARD_MARKER))) ? ["the last scale-down was cut short"] : []),
  ];
  if (recorded !== undefined && reasons.length === 0) return { epoch: recorded, reasons };
  const epoch = preview ? `${recorded ?? ""}+` : new Date().toISOString();
  if (!preview) {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await writeFile(`${path}.new`, epoch, { mode: 0o600 });
    await rename(`${path}.new`, path);
  }
  return { epoch, reasons: host.living ? reasons : [] };
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
