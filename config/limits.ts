import { existsSync, readFileSync } from "node:fs";
import type { Settings } from "./schema.ts";

/** Limits of the machine's kernel that many containers come up against; undefined where one can't be read. */
export interface KernelLimits {
  /** Addresses that all network namespaces together may know the MAC of (net.ipv4.neigh.default.gc_thresh3). */
  neighbours?: number | undefined;
  /** Processes and threads that there may be (kernel.pid_max). */
  pids?: number | undefined;
  /** Watches for changed files that one user may have open (fs.inotify.max_user_instances). */
  inotifyInstances?: number | undefined;
  /** Whether control groups are of version 2, where docker opens such a watch for each container. */
  cgroup2: boolean;
}

/** What is there without any compute: the rest of the machine, and the control plane. */
const BASE = 1000;

/** Each compute knows half a dozen services by address, and each of those knows the compute. */
const NEIGHBOURS_PER_COMPUTE = 12;

/** Processes and threads of a compute, and of docker for it. */
const PIDS_PER_COMPUTE = 40;

/** Watches that other programs have. */
const BASE_INSTANCES = 64;

/** Looks at the machine, and changes nothing. */
export function readKernelLimits(): KernelLimits {
  return {
    neighbours: readNumber("/proc/sys/net/ipv4/neigh/default/gc_thresh3"),
    pids: readNumber("/proc/sys/kernel/pid_max"),
    inotifyInstances: readNumber("/proc/sys/fs/inotify/max_user_instances"),
    cgroup2: existsSync("/sys/fs/cgroup/cgroup.controllers"),
  };
}

/**
 * What the kernel should be told before so many computes run, one sentence each. They are warnings: what other programs
 * need is not known here, and these limits are the machine's own.
 */
export function limitWarnings(
  { computes }: Pick<Settings, "computes">,
  { neighbours, pids, inotifyInstances, cgroup2 }: KernelLimits,
): string[] {
  const wanted: [key: string, is: number | undefined, needs: number, without: string][] = [
    [
      "net.ipv4.neigh.default.gc_thresh3",
      neighbours,
      BASE + computes * NEIGHBOURS_PER_COMPUTE,
      "services lose each other",
    ],
    ["kernel.pid_max", pids, BASE + computes * PIDS_PER_COMPUTE, "containers fail to start"],
    [
      "fs.inotify.max_user_instances",
      cgroup2 ? inotifyInstances : undefined,
      BASE_INSTANCES + computes,
      "docker can't watch its containers",
    ],
  ];
  // Below this, every distribution's own values do.
  if (computes < 50) return [];
  return wanted.flatMap(([key, is, needs, without]) =>
    is === undefined || is >= needs
      ? []
      : [
          `${computes} computes need about ${needs} of ${key}, this machine has ${is}; otherwise ${without}: run \`sudo sysctl -w ${key}=${needs}\``,
        ],
  );
}

function readNumber(file: string): number | undefined {
  try {
    return Number(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}
