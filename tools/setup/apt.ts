import { readdirSync } from "node:fs";
import type { Context } from "./context.ts";
import { asRoot } from "./host.ts";

/** One at a time: apt locks its database. */
let queue: Promise<unknown> = Promise.resolve();

/** Installs distribution packages, saying so; fetches the package lists first only where needed. */
export function aptInstall(
  context: Context,
  task: string,
  packages: readonly string[],
): Promise<void> {
  const turn = queue.then(() => install(context, task, packages));
  queue = turn.catch(() => {});
  return turn;
}

async function install(context: Context, task: string, packages: readonly string[]): Promise<void> {
  const log = context.log(task);
  context.say(task, `installing distribution packages: ${packages.join(" ")}`);
  const apt = async (...args: string[]) =>
    asRoot(
      // A lock held by somebody else's apt is waited for; nothing installed is ever removed for ours.
      [
        "env",
        "DEBIAN_FRONTEND=noninteractive",
        "apt-get",
        "-o",
        "DPkg::Lock::Timeout=300",
        ...args,
      ],
      `Installing ${packages.join(" ")}`,
    );
  const installing = [
    ...["install", "--yes", "--no-install-recommends", "--no-remove"],
    ...packages,
  ];
  const [command = "", ...args] = await apt(...installing);
  if (havePackageLists()) {
    const first = await log.try(command, args, { env: context.env });
    if (first.ok) return;
    log.write("trying again with fresh package lists");
  }
  const [update = "", ...updateArgs] = await apt("update");
  await log.run(update, updateArgs, { env: context.env, failure: "apt-get update failed" });
  await log.run(command, args, {
    env: context.env,
    failure: `The distribution packages ${packages.join(" ")} could not be installed`,
  });
}

function havePackageLists(): boolean {
  try {
    return readdirSync("/var/lib/apt/lists").some((file) => file.includes("_Packages"));
  } catch {
    return false;
  }
}
