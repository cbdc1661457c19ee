import { mkdirSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { execa } from "execa";
import { aptInstall } from "./apt.ts";
import type { Context } from "./context.ts";
import { atLeast, isDebianLike, which } from "./host.ts";
import { SetupError } from "./report.ts";

/** From here on `go` fetches by itself the toolchain that a go.mod asks for. */
const oldestGo = "1.21";

/** Something to build from tools/toolchain. */
export interface GoBuild {
  /** Folder below tools/toolchain. */
  readonly folder: string;
  /** Package to build, within or required by that folder's module. */
  readonly package: string;
  readonly ldflags?: readonly string[];
  readonly target: string;
}

let found: Promise<string> | undefined;

/** A `go` that is new enough: the one there is, or the distribution's. Asked for only by a build. */
function ensureGo(context: Context, task: string): Promise<string> {
  found ??= findGo(context, task);
  return found;
}

async function findGo(context: Context, task: string): Promise<string> {
  let go = which("go", { PATH: `${context.env.PATH ?? ""}:/usr/local/go/bin` });
  if (go === undefined) {
    if (!isDebianLike()) {
      throw new SetupError(
        `Neither a Pulumi release nor Go can be had here: install Go ${oldestGo} or newer, or pulumi itself.`,
      );
    }
    await aptInstall(context, task, ["golang-go"]);
    go = which("go", context.env);
  }
  const version = go === undefined ? "none" : await goVersion(go);
  if (go === undefined || !atLeast(version, oldestGo)) {
    throw new SetupError(
      `Building the Pulumi tools takes Go ${oldestGo} or newer, this machine has ${version}: install a newer Go, or pulumi itself, then run this again.`,
    );
  }
  return go;
}

async function goVersion(go: string): Promise<string> {
  // Outside of any module, so that this never fetches another toolchain.
  const env = { GOTOOLCHAIN: "local", GO111MODULE: "off" };
  const { stdout } = await execa(go, ["version"], { env, cwd: "/" });
  return /go(\d+(?:\.\d+)+)/.exec(stdout)?.[1] ?? "unknown";
}

/** Builds a tool with the versions and checksums of its go.sum; the target appears when it is complete. */
export async function goBuild(context: Context, task: string, build: GoBuild): Promise<void> {
  const go = await ensureGo(context, task);
  const temporary = `${build.target}.tmp`;
  mkdirSync(path.dirname(build.target), { recursive: true });
  const ldflags = ["-s", "-w", ...(build.ldflags ?? [])].join(" ");
  // No stamp of git's: it would fail where the checkout belongs to somebody else (sudo).
  const args = ["build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", ldflags];
  try {
    await context.log(task).run(go, [...args, "-o", temporary, build.package], {
      cwd: path.join(context.paths.sources, build.folder),
      env: context.env,
      failure: `Building ${build.folder} from its Go sources failed`,
    });
    renameSync(temporary, build.target);
  } finally {
    rmSync(temporary, { force: true });
  }
}
