import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import path from "node:path";
import { execa } from "execa";
import { aptInstall } from "../apt.ts";
import type { Context } from "../context.ts";
import type { Task } from "../graph.ts";
import { isDebianLike, isExecutable, which } from "../host.ts";
import type { TaskLog } from "../log.ts";
import { SetupError } from "../report.ts";
import { isCurrent, readStamp, writeStamp } from "../stamp.ts";

/** What goes into the environment: PyPI packages, their versions and their hashes. */
export const ansibleRequirements = path.join(import.meta.dirname, "..", "ansible-requirements.txt");

/** The package that the collections are taken out of, its version and its hash. */
export const ansibleCollections = path.join(import.meta.dirname, "..", "ansible-collections.txt");

/** The collections that set-up takes out of the package: the rest of its hundred would be half a gigabyte. */
export const COLLECTIONS = ["openstack.cloud", "community.docker"] as const;

/** Commands of ansible that a shell finds after it sourced .toolchain/env. */
export const COMMANDS = [
  ...["ansible", "ansible-config", "ansible-console", "ansible-doc", "ansible-galaxy"],
  ...["ansible-inventory", "ansible-playbook", "ansible-vault"],
] as const;

/**
 * Run by the environment's Python: takes collections out of a wheel, and has that Python look for collections where they
 * are put, so that they are found whatever an ansible.cfg says.
 */
const TAKE_COLLECTIONS = `
import pathlib, sys, sysconfig, zipfile
wheel, target, *names = sys.argv[1:]
folders = tuple("ansible_collections/" + name.replace(".", "/") + "/" for name in names)
with zipfile.ZipFile(wheel) as archive:
    archive.extractall(target, [name for name in archive.namelist() if name.startswith(folders)])
pathlib.Path(sysconfig.get_path("purelib"), "collections.pth").write_text(target + "\\n")
`;

/** The oldest Python that this ansible runs on. */
const oldestPython = [3, 10];

/** Ansible in an environment of its own, whatever else the machine has: .toolchain/ansible. */
export function ansibleTask(context: Context): Task {
  const name = "ansible";
  const folder = path.join(context.paths.toolchain, name);
  const target = path.join(folder, "bin", "ansible-playbook");
  const requirements = readFileSync(ansibleRequirements, "utf8");
  const version = /^ansible-core==(\S+)/m.exec(requirements)?.[1] ?? "";
  const collections = readFileSync(ansibleCollections, "utf8");
  const sources = createHash("sha256").update(requirements).update(collections).digest("hex");
  return {
    name,
    needs: [],
    done: async () => {
      const current = isCurrent(readStamp(context.paths.stamps, name), {
        version,
        sources,
        target,
      });
      // An environment is of no use once its Python is gone.
      return current && (await runs(target)) ? `ansible-core ${version}` : undefined;
    },
    run: async () => {
      const python = await pythonWithVenv(context, name);
      const log = context.log(name);
      rmSync(folder, { recursive: true, force: true });
      try {
        await log.run(python, ["-m", "venv", folder], {
          failure: "No environment for ansible could be made",
        });
        const pip = pipOf(context, folder, log);
        await pip("Ansible", "install", "--requirement", ansibleRequirements);
        const wheels = path.join(folder, "wheels");
        const from = ["--no-deps", "--dest", wheels, "--requirement", ansibleCollections];
        await pip("Ansible's collections", "download", ...from);
        const wheel = readdirSync(wheels).map((file) => path.join(wheels, file));
        const target = path.join(folder, "collections");
        await log.run(
          path.join(folder, "bin", "python"),
          ["-c", TAKE_COLLECTIONS, ...wheel, target, ...COLLECTIONS],
          { failure: "Ansible's collections could not be unpacked" },
        );
        rmSync(wheels, { recursive: true });
        linkCommands(context, folder);
      } catch (error) {
        rmSync(folder, { recursive: true, force: true });
        throw error;
      }
      writeStamp(context.paths.stamps, name, { origin: "built", version, target, sources });
      return `ansible-core ${version} from PyPI, in .toolchain/ansible`;
    },
  };
}

/** Runs pip of the environment: what it gets has the hashes of a file, and is never built here. */
function pipOf(context: Context, folder: string, log: TaskLog) {
  const options = ["--no-input", "--only-binary", ":all:", "--disable-pip-version-check"];
  return (what: string, command: "install" | "download", ...args: string[]) =>
    log.run(
      path.join(folder, "bin", "python"),
      ["-m", "pip", command, ...options, "--require-hashes", ...args],
      {
        // A user's settings for installing elsewhere would contradict; an index of theirs stays.
        env: { ...context.env, PIP_USER: "0", PIP_TARGET: "", PIP_PREFIX: "" },
        timeoutSeconds: 600,
        failure: `${what} could not be had from PyPI`,
      },
    );
}

function linkCommands(context: Context, folder: string): void {
  mkdirSync(context.paths.bin, { recursive: true });
  for (const command of COMMANDS) {
    const link = path.join(context.paths.bin, command);
    rmSync(link, { force: true });
    symlinkSync(path.relative(context.paths.bin, path.join(folder, "bin", command)), link);
  }
}

async function runs(program: string): Promise<boolean> {
  if (!isExecutable(program)) return false;
  // Not ansible itself: its imports take half a second.
  const python = path.join(path.dirname(program), "python");
  return !(await execa(python, ["-c", ""], { reject: false, stdin: "ignore" })).failed;
}

/** A Python that is new enough and makes environments; Debian has the two in two packages. */
async function pythonWithVenv(context: Context, task: string): Promise<string> {
  let python = await findPython(context.env);
  if (python === undefined && isDebianLike()) {
    await aptInstall(context, task, ["python3-venv"]);
    python = await findPython(context.env);
  }
  if (python !== undefined) return python;
  throw new SetupError(
    `Ansible takes a Python of at least ${oldestPython.join(".")} with the modules venv and ensurepip, and this machine has none: install it, then run this again.`,
  );
}

async function findPython(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const check = `import sys, venv, ensurepip; sys.exit(sys.version_info < (${oldestPython.join(", ")}))`;
  // The distribution's own first: others come and go with what manages them.
  for (const python of ["/usr/bin/python3", which("python3", env)]) {
    if (python === undefined || !isExecutable(python)) continue;
    const { failed } = await execa(python, ["-c", check], { reject: false, stdin: "ignore" });
    if (!failed) return python;
  }
  return undefined;
}
