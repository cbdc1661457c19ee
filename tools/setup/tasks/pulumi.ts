import { mkdirSync, readdirSync, realpathSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { execa } from "execa";
import { contentHash } from "../../../components/image/content-hash.ts";
import type { Context } from "../context.ts";
import { ChecksumError, downloadVerified, isReachable } from "../download.ts";
import { goBuild } from "../go.ts";
import type { Task } from "../graph.ts";
import { atLeast, isExecutable, which } from "../host.ts";
import { SetupError } from "../report.ts";
import { isCurrent, readStamp, writeStamp } from "../stamp.ts";

/** An installed pulumi of at least this version is used as it is. */
const oldestInstalled = "3.200.0";

/** Where releases of the CLI are; a test (or a mirror) may name another place. */
export function releaseBase(env: NodeJS.ProcessEnv): string {
  return env.OVERCLOUD_PULUMI_RELEASES ?? "https://get.pulumi.com/releases/sdk";
}

const probes = new Map<string, Promise<boolean>>();

/** Whether releases can be had: asked once per run, five seconds at most. */
export function releasesReachable(base: string): Promise<boolean> {
  const known = probes.get(base) ?? isReachable(base);
  probes.set(base, known);
  return known;
}

/** An installed pulumi that is new enough: its path and version. */
async function installedPulumi(
  context: Context,
): Promise<{ file: string; version: string } | undefined> {
  const file = which("pulumi", context.env, [context.paths.bin]);
  if (file === undefined) return undefined;
  const version = await pulumiVersion(file);
  return version !== undefined && atLeast(version, oldestInstalled) ? { file, version } : undefined;
}

async function pulumiVersion(file: string): Promise<string | undefined> {
  const result = await execa(file, ["version"], {
    env: { PULUMI_SKIP_UPDATE_CHECK: "true" },
    timeout: 20_000,
    reject: false,
  });
  return result.failed ? undefined : /v(\d\S*)/.exec(result.stdout)?.[1];
}

/** The Pulumi CLI: the installed one, else the release, else built from the Go module. */
export function pulumiTask(context: Context): Task {
  const name = "pulumi";
  const version = context.versions.pulumi;
  const target = path.join(context.paths.bin, "pulumi");
  const sources = path.join(context.paths.sources, "cli");
  let users = false;
  return {
    name,
    needs: [],
    pool: "go",
    done: async () => {
      const installed = await installedPulumi(context);
      users = installed !== undefined;
      if (installed) return `pulumi ${installed.version} (${installed.file})`;
      const stamp = readStamp(context.paths.stamps, name);
      const wanted = { version, target, sources: await contentHash(sources) };
      if (!isExecutable(target) || !isCurrent(stamp, wanted)) return undefined;
      return `pulumi ${version} (${stamp?.origin})`;
    },
    // An older set-up's copy in front of the user's own would hide it.
    tidy: () => {
      if (users) rmSync(target, { force: true });
    },
    run: async () => {
      const hash = await contentHash(sources);
      if (await downloadRelease(context, name)) {
        writeStamp(context.paths.stamps, name, { origin: "release", version, target });
        return `release ${version}`;
      }
      const symbol = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version";
      await goBuild(context, name, {
        folder: "cli",
        package: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
        ldflags: ["-X", `${symbol}=v${version}`],
        target,
      });
      writeStamp(context.paths.stamps, name, { origin: "built", version, target, sources: hash });
      return `built ${version}, no release to be had`;
    },
  };
}

/** Puts the release's commands into .toolchain/bin; false where no release can be had. */
export async function downloadRelease(context: Context, task: string): Promise<boolean> {
  const base = releaseBase(context.env);
  const log = context.log(task);
  if (!(await releasesReachable(base))) {
    log.write(`${base} is not reachable from here`);
    return false;
  }
  const version = context.versions.pulumi;
  const archive = `pulumi-v${version}-linux-${process.arch}.tar.gz`;
  mkdirSync(context.paths.bin, { recursive: true });
  const work = path.join(context.paths.toolchain, "release.tmp");
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work);
  try {
    const file = path.join(work, archive);
    log.write(`downloading ${base}/${archive}`);
    await downloadVerified(`${base}/${archive}`, `${base}/pulumi-${version}-checksums.txt`, file);
    await log.run("tar", ["-xzf", file, "-C", work]);
    const commands = path.join(work, "pulumi");
    // Only the CLI and what it needs for Node programs; the CLI last: it stands for "complete".
    const wanted = readdirSync(commands).filter((entry) => /nodejs/.test(entry));
    for (const entry of [...wanted, "pulumi"]) {
      renameSync(path.join(commands, entry), path.join(context.paths.bin, entry));
    }
    return true;
  } catch (error) {
    if (error instanceof ChecksumError) {
      throw new SetupError(`${error.message}: not used. Run this again; if it stays, report it.`);
    }
    log.write(`no release: ${String(error)}`);
    return false;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The Node language host: it comes with an installed or downloaded pulumi, else it is built. */
export function languageTask(context: Context): Task {
  const name = "language-nodejs";
  const command = "pulumi-language-nodejs";
  const target = path.join(context.paths.bin, command);
  const sources = path.join(context.paths.sources, name);
  const version = context.versions.languageNodejs;
  let users = false;
  return {
    name,
    needs: ["pulumi"],
    pool: "go",
    done: async () => {
      const installed = await installedPulumi(context);
      if (installed) {
        const beside = path.join(path.dirname(realpathSync(installed.file)), command);
        const host = isExecutable(beside)
          ? beside
          : which(command, context.env, [context.paths.bin]);
        users = host !== undefined;
        if (users) return "";
      } else if (
        isExecutable(target) &&
        readStamp(context.paths.stamps, "pulumi")?.origin === "release"
      ) {
        return "";
      }
      const wanted = { version, target, sources: await contentHash(sources) };
      const current = isCurrent(readStamp(context.paths.stamps, name), wanted);
      return isExecutable(target) && current ? "" : undefined;
    },
    tidy: () => {
      if (users) rmSync(target, { force: true });
    },
    run: async () => {
      const hash = await contentHash(sources);
      await goBuild(context, name, {
        folder: name,
        package: "github.com/pulumi/pulumi/sdk/v3/nodejs/cmd/pulumi-language-nodejs",
        target,
      });
      writeStamp(context.paths.stamps, name, { origin: "built", version, target, sources: hash });
      return `built ${version}`;
    },
  };
}
