import path from "node:path";
import { execa } from "execa";
import { foreground } from "./child.ts";
import type { Context } from "./setup/context.ts";
import { dropForeignSalt, endOrphans, releaseDeadLocks } from "./leftovers.ts";
import { removeUnnoted } from "./interrupted.ts";
import { awaitStopping } from "./stopping.ts";
import { renderSummary } from "./summary.ts";
import { holderOf } from "./sweep/machine.ts";

/** Deploys a stack: selects or creates it, runs `pulumi up`, ends with a summary. */
export async function up(
  context: Pick<Context, "paths" | "childEnv" | "backend">,
  stack: string,
  extra: readonly string[],
  write: (line: string) => void = (line) => console.log(line),
): Promise<number> {
  const options = { cwd: context.paths.root, env: context.childEnv };
  const { folder: backend, kind } = context.backend;
  const holder = backend && holderOf(backend, stack);
  if (holder !== undefined) {
    write(`up: pulumi (${holder}) is at work on ${stack}: wait for it, or end it`);
    return 1;
  }
  if (backend !== undefined && kind === "project") {
    const salt = dropForeignSalt(context.paths.root, backend, stack);
    for (const sentence of [...releaseDeadLocks(backend), ...salt]) write(`up: ${sentence}`);
  }
  for (const sentence of await endOrphans(context.paths.root)) write(`up: ${sentence}`);
  for (const sentence of await awaitStopping(stack)) write(`up: ${sentence}`);
  // Where locks can't be seen, what is being made may be somebody's who is at it.
  if (backend !== undefined) {
    const place = { stack, directory: context.paths.root, backend };
    for (const sentence of await removeUnnoted(place, context.childEnv)) write(`up: ${sentence}`);
  }
  const selected = await execa("pulumi", ["stack", "select", "--create", stack], {
    ...options,
    stdio: ["inherit", "inherit", "inherit"],
    reject: false,
  });
  if (selected.failed) return selected.exitCode ?? 1;
  const status = await foreground("pulumi", ["up", "--yes", "--stack", stack, ...extra], options);
  await explainChanges(context, stack, write);
  if (status !== 0) {
    write(
      `\nup: pulumi up of ${stack} ended with status ${status}, see above; run the same again to go on.`,
    );
    return status;
  }
  const outputs = await execa("pulumi", ["stack", "output", "--json", "--stack", stack], {
    ...options,
    extendEnv: false,
    reject: false,
  });
  if (outputs.failed) {
    write(`up: the stack's outputs could not be read: ${outputs.stderr}`);
    return 1;
  }
  const folder = path.relative(process.cwd(), context.paths.toolchain) || ".toolchain";
  for (const line of renderSummary(stack, JSON.parse(outputs.stdout), path.join(folder, "env"))) {
    write(line);
  }
  return 0;
}

/** Pulumi itself writes one line into a stack's config file; nobody should have to wonder about it. */
async function explainChanges(
  context: Pick<Context, "paths">,
  stack: string,
  write: (line: string) => void,
): Promise<void> {
  const file = `Pulumi.${stack}.yaml`;
  const diff = await execa("git", ["diff", "--no-color", "--unified=0", "--", file], {
    cwd: context.paths.root,
    reject: false,
  });
  if (diff.failed || diff.stdout === "") return;
  const lines = diff.stdout.split("\n").filter((line) => /^[+-](?![+-]{2})/.test(line));
  if (lines.every((line) => /^[+-](encryptionsalt:.*)?$/.test(line))) {
    write(
      `\ngit shows a change of ${file}: pulumi writes its encryptionsalt, which belongs to the passphrase of your ` +
        "backend. It is no secret, but of no use to anybody with another passphrase: best not committed.",
    );
  } else {
    write(`\ngit shows changes of ${file}, ${lines.length} lines: see \`git diff ${file}\`.`);
  }
}
