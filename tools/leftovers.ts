import { globSync, writeFileSync } from "node:fs";
import path from "node:path";
import { readText } from "./setup/host.ts";
import { removeAll } from "./sweep/findings.ts";
import { findOrphans, locksIn, removeLock } from "./sweep/machine.ts";

/**
 * Removes the locks of pulumi processes that were killed on this machine: without that, the next `up`
 * after a crash or a power cut is refused until somebody runs `pulumi cancel`. Locks of processes that
 * run, and of other machines, stay. Answers a sentence for each that was removed.
 */
export function releaseDeadLocks(backend: string): string[] {
  return locksIn(backend)
    .filter(({ stale }) => stale)
    .map(({ file, stack, pid }) => {
      removeLock(file);
      return `removed the lock that pulumi (pid ${pid}, no longer running) left on stack ${stack}`;
    });
}

/** Ends the plugins that a killed pulumi left at work in a project's folder; answers a sentence for each. */
export async function endOrphans(directory: string): Promise<string[]> {
  const ended = await removeAll(await findOrphans(directory));
  return ended.map(({ finding: { name, detail }, failure }) =>
    failure === undefined ? `ended ${detail} (pid ${name})` : `${detail}: ${failure}`,
  );
}

/**
 * Removes the encryptionsalt line of a stack that the local backend does not know: it belongs to a
 * passphrase that is elsewhere or was deleted, and pulumi refuses to create the stack ("incorrect
 * passphrase") as long as it is there. Stays where secrets in the file still need it.
 */
export function dropForeignSalt(root: string, backend: string, stack: string): string[] {
  const file = path.join(root, `Pulumi.${stack}.yaml`);
  const text = readText(file);
  const salt = /^encryptionsalt:.*\n?/m;
  const known = globSync(`.pulumi/stacks/*/${stack}.json*`, { cwd: backend }).length > 0;
  if (known || !salt.test(text) || /^\s+secure:/m.test(text)) return [];
  writeFileSync(file, text.replace(salt, ""));
  const name = path.basename(file);
  return [`removed encryptionsalt from ${name}: it belongs to a passphrase that is not this one`];
}
