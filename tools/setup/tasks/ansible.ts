import { createHash } from "node:crypto";
import { readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { execa } from "execa";
import { aptInstall } from "../apt.ts";
import type { Context } from "../context.ts";
import type { Task } from "../graph.ts";
import { isDebianLike, isExecutable, which } from "../host.ts";
import { SetupError } from "../report.ts";
import { isCurrent, readStamp, writeStamp } from "../stamp.ts";

/** What goes into the environment: PyPI packages, their versions and their hashes. */
export const ansibleRequirements = path.join(import.meta.dirname, "..", "ansible-requirements.txt");

/** The oldest Python that this ansible runs on. */
const oldestPython = [3, 10];

/** Ansible in an environment of its own, whatever else the machine has: .toolchain/ansible. */
export function ansibleTask(context: Context): Task {
  const name = "ansible";
  const folder = path.join(context.paths.toolchain, name);
  const target = path.join(folder, "bin", "ansible-playbook");
  const requirements = readFileSync(ansibleRequirements, "utf8");
  const version = /^ansible-core==(\S+)/m.exec(requirements)?.[1] ?? "";
  const sources = createHash("sha256").update(requirements).digest("hex");
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
        const options = ["--no-input", "--only-binary", ":all:", "--disable-pip-version-check"];
        const source = ["--require-hashes", "--requirement", ansibleRequirements];
        await log.run(
          path.join(folder, "bin", "python"),
          ["-m", "pip", "install", ...options, ...source],
          {
            // A user's settings for installing elsewhere would contradict; an index of theirs stays.
            env: { ...context.env, PIP_USER: "0", PIP_TARGET: "", PIP_PREFIX: "" },
            timeoutSeconds: 600,
            failure: "Ansible could not be installed from PyPI",
          },
        );
      } catch (error) {
        rmSync(folder, { recursive: true, force: true });
        throw error;
      }
      writeStamp(context.paths.stamps, name, { origin: "built", version, target, sources });
      return `ansible-core ${version} from PyPI, in .toolchain/ansible`;
    },
  };
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
