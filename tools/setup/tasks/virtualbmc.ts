import { mkdirSync, rmSync } from "node:fs";
import path from "node:path";
import { execa } from "execa";
import { contentHash } from "../../../components/image/content-hash.ts";
import type { Context } from "../context.ts";
import type { Task } from "../graph.ts";
import { isCurrent, readStamp, writeStamp } from "../stamp.ts";

/** The distribution's own Python: libvirt's module comes with it, and would take a compiler otherwise. */
export const systemPython = "/usr/bin/python3";

/** Whether the distribution's Python has a module; a few words if so. */
export async function pythonHas(module: string): Promise<string | undefined> {
  const result = await execa(systemPython, ["-c", `import ${module}`], {
    reject: false,
    stdin: "ignore",
    timeout: 20_000,
  });
  return result.failed ? undefined : `Python has ${module}`;
}

/** virtualbmc in an environment of its own: the daemon that gives virtual machines a BMC. */
export function virtualBmcTask(context: Context): Task {
  const name = "virtualbmc";
  const folder = path.join(context.paths.toolchain, name);
  const sources = path.join(context.paths.sources, name);
  const wanted = async () => ({
    version: "requirements",
    target: folder,
    sources: await contentHash(sources),
  });
  return {
    name,
    needs: ["packages"],
    done: async () => {
      if (!isCurrent(readStamp(context.paths.stamps, name), await wanted())) return undefined;
      // A new Python of the distribution leaves the environment behind.
      const works = await execa(
        path.join(folder, "bin", "python"),
        ["-c", "import libvirt, virtualbmc"],
        {
          reject: false,
          stdin: "ignore",
          timeout: 20_000,
        },
      );
      return works.failed ? undefined : "";
    },
    run: async () => {
      const log = context.log(name);
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(context.paths.toolchain, { recursive: true });
      await log.run(systemPython, ["-m", "venv", "--system-site-packages", folder], {
        failure: "The environment of virtualbmc could not be made",
      });
      await log.run(
        path.join(folder, "bin", "pip"),
        [
          ...["install", "--disable-pip-version-check", "--no-deps", "--require-hashes"],
          ...["--only-binary", ":all:", "--requirement", path.join(sources, "requirements.txt")],
        ],
        { timeoutSeconds: 600, failure: "virtualbmc could not be installed" },
      );
      writeStamp(context.paths.stamps, name, { origin: "built", ...(await wanted()) });
      return "installed from PyPI";
    },
  };
}
