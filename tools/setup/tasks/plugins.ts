import { rmSync } from "node:fs";
import path from "node:path";
import { contentHash } from "../../../components/image/content-hash.ts";
import type { Context } from "../context.ts";
import { goBuild } from "../go.ts";
import type { Task } from "../graph.ts";
import { isExecutable } from "../host.ts";
import { isCurrent, readStamp, writeStamp } from "../stamp.ts";
import { releaseBase, releasesReachable } from "./pulumi.ts";

/** One resource plugin: the installed one, else the published one, else built. */
export function pluginTask(context: Context, plugin: string): Task {
  const name = `plugin-${plugin}`;
  const version = context.versions.plugins[plugin] ?? "";
  const folder = path.join(context.backend.home, "plugins", `resource-${plugin}-v${version}`);
  const target = path.join(folder, `pulumi-resource-${plugin}`);
  const sources = path.join(context.paths.sources, plugin);
  return {
    name,
    needs: ["pulumi"],
    pool: "go",
    done: async () => {
      if (!isExecutable(target)) return undefined;
      const stamp = readStamp(context.paths.stamps, name);
      // In the user's own PULUMI_HOME a plugin that we did not put there is the published one.
      if (stamp?.target !== target && context.backend.kind === "user") return "";
      const wanted = { version, target, sources: await contentHash(sources) };
      return isCurrent(stamp, wanted) ? "" : undefined;
    },
    run: async () => {
      if (await installPublished(context, name, plugin, version)) {
        writeStamp(context.paths.stamps, name, { origin: "release", version, target });
        return `published ${version}`;
      }
      const hash = await contentHash(sources);
      // Pulumi takes these for an installation that was cut off: `plugin install` leaves them behind.
      rmSync(`${folder}.partial`, { force: true });
      await goBuild(context, name, { folder: plugin, package: ".", target });
      writeStamp(context.paths.stamps, name, { origin: "built", version, target, sources: hash });
      return `built in place of the published ${version}`;
    },
  };
}

async function installPublished(
  context: Context,
  task: string,
  plugin: string,
  version: string,
): Promise<boolean> {
  if (!(await releasesReachable(releaseBase(context.env)))) return false;
  const args = ["plugin", "install", "resource", plugin, version, "--reinstall"];
  const options = { env: context.childEnv, timeoutSeconds: 60 };
  return (await context.log(task).try("pulumi", args, options)).ok;
}
