import assert from "node:assert/strict";
import { removeAll, type Kind } from "../../tools/sweep/findings.ts";
import { findInLibvirt, SYSTEM, virsh as run } from "../../tools/sweep/libvirt.ts";

export const virsh = (...args: string[]): Promise<string> => run(SYSTEM, ...args);

const named = (prefix: string) =>
  findInLibvirt(SYSTEM, { names: (_, name) => name.startsWith(prefix) });

/** Everything that libvirt has with a prefix, by kind. */
export async function libvirtHas(prefix: string): Promise<Record<string, string[]>> {
  const findings = await named(prefix);
  const of = (kind: Kind) => findings.filter((each) => each.kind === kind).map(({ name }) => name);
  return { domains: of("domain"), networks: of("libvirt network"), pools: of("pool") };
}

/** Fails unless libvirt has nothing with a prefix. */
export async function expectNoneInLibvirt(prefix: string): Promise<void> {
  assert.deepEqual(await libvirtHas(prefix), { domains: [], networks: [], pools: [] });
}

/** Removes what an interrupted run left; its state is gone. */
export async function sweepLibvirt(prefix: string): Promise<void> {
  const removals = await removeAll(await named(prefix));
  const failed = removals.find(({ failure }) => failure !== undefined);
  if (failed) throw new Error(`${failed.finding.name} can't be removed: ${failed.failure}`);
}
