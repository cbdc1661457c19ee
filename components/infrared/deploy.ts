import { existsSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import type { Action } from "../step/action.ts";
import { INSTALLED, PROVISIONED } from "./archive.ts";
import { checkArgv } from "./contract.ts";
import { infraredPaths, infraredRunner } from "./environment.ts";
import { hostLine, membersOf } from "./inventory.ts";

export interface DeployArgs {
  home: string;
  workspace: string;
  /** Arguments of Infrared, as planned. */
  argv: string[];
  /** Variables for its playbooks, besides secrets. */
  vars: Record<string, unknown>;
  /** File that argv takes variables from. It is there while Infrared runs. */
  varsFile: string;
  /** File with the password of the registry's user. */
  registryPasswordFile?: string | undefined;
}

/** What comes on standard input. */
const secretsSchema = z.object({
  /** Of the user that the undercloud belongs to, `stack`. */
  userPassword: z.string().min(1),
});

/** Who the undercloud belongs to once it is installed. */
export const UNDERCLOUD_USER = "stack";

/** Installs the undercloud. Run again, it goes over everything once more and changes what differs. */
export const deployUndercloud: Action<DeployArgs> = async (args, context) => {
  const { home, workspace, argv, varsFile } = args;
  const problems = checkArgv(argv);
  if (problems.length > 0) throw new Error(problems.join(" "));
  const folder = infraredPaths(home).workspaceOf(workspace);
  const inventory = path.join(folder, PROVISIONED);
  const [undercloud] = await undercloudsIn(inventory);
  if (undercloud === undefined) {
    // Infrared would match no host with any of its plays, and end well.
    throw new Error(`${inventory} has no host in the group undercloud: run setup_infrared_env`);
  }
  const secrets = secretsSchema.parse(JSON.parse(await context.readInput()));
  try {
    await writeFile(varsFile, JSON.stringify(await allVars(args, secrets)), { mode: 0o600 });
    const infrared = infraredRunner(home, context);
    await infrared("workspace", "checkout", workspace);
    await infrared(...argv);
  } finally {
    await rm(varsFile, { force: true });
  }
  const after = path.join(folder, INSTALLED);
  const line = existsSync(after) ? hostLine(await readFile(after, "utf8"), undercloud) : undefined;
  if (!line?.includes(`ansible_user=${UNDERCLOUD_USER}`)) {
    throw new Error(
      `Infrared ended well, but ${undercloud} has no user ${UNDERCLOUD_USER} in ${after}: it matched no host`,
    );
  }
  return { undercloud };
};

/** With secrets beside what the user says of `install`. */
async function allVars(
  { vars, registryPasswordFile }: DeployArgs,
  { userPassword }: z.output<typeof secretsSchema>,
): Promise<Record<string, unknown>> {
  const { install } = installSchema.parse(vars);
  const password = registryPasswordFile && (await readFile(registryPasswordFile, "utf8")).trim();
  return {
    ...vars,
    install: {
      ...install,
      user: { name: UNDERCLOUD_USER, password: userPassword },
      ...(password && { registry: { password } }),
    },
  };
}

const installSchema = z.object({ install: z.record(z.string(), z.unknown()).optional() });

async function undercloudsIn(inventory: string): Promise<string[]> {
  return existsSync(inventory) ? membersOf(await readFile(inventory, "utf8"), "undercloud") : [];
}
