import { readFile } from "node:fs/promises";

/** Where the kernel accounts for a container. */
export interface CgroupFiles {
  memory: string;
  /** The line of `memory` that has the processes' own memory, in bytes. */
  memoryKey: "anon" | "total_rss";
  cpu: string;
  /** The line of `cpu` that has the time; none: the file has nothing else, in nanoseconds. */
  cpuKey: "usage_usec" | undefined;
}

const ROOT = "/sys/fs/cgroup";

/**
 * The files for the process whose /proc/PID/cgroup is given, in the hierarchy of version 1 where that accounts for
 * memory, else of version 2; undefined where there is neither.
 */
export function cgroupFiles(procCgroup: string): CgroupFiles | undefined {
  const paths = new Map(
    procCgroup.split("\n").flatMap((line): [string, string][] => {
      const [, controllers = "", path = ""] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
      return path === "" ? [] : controllers.split(",").map((name) => [name, path]);
    }),
  );
  const memory = paths.get("memory");
  const cpu = paths.get("cpuacct");
  if (memory !== undefined && cpu !== undefined) {
    return {
      memory: `${ROOT}/memory${memory}/memory.stat`,
      memoryKey: "total_rss",
      cpu: `${ROOT}/cpuacct${cpu}/cpuacct.usage`,
      cpuKey: undefined,
    };
  }
  const unified = paths.get("");
  if (unified === undefined) return undefined;
  return {
    memory: `${ROOT}${unified}/memory.stat`,
    memoryKey: "anon",
    cpu: `${ROOT}${unified}/cpu.stat`,
    cpuKey: "usage_usec",
  };
}

/** Bytes that the processes have for themselves; pages of files, which containers share, are not among them. */
export async function memoryBytesIn(files: CgroupFiles | undefined): Promise<number | null> {
  return files ? valueOf(await content(files.memory), files.memoryKey) : null;
}

export async function cpuSecondsIn(files: CgroupFiles | undefined): Promise<number | null> {
  if (!files) return null;
  const text = await content(files.cpu);
  if (files.cpuKey === undefined) return text === "" ? null : Number(text) / 1e9;
  const microseconds = valueOf(text, files.cpuKey);
  return microseconds === null ? null : microseconds / 1e6;
}

function valueOf(text: string, key: string): number | null {
  const found = new RegExp(`^${key} (\\d+)$`, "m").exec(text);
  return found ? Number(found[1]) : null;
}

/** Empty when it can't be read: the container is gone. */
function content(file: string): Promise<string> {
  return readFile(file, "utf8").catch(() => "");
}
