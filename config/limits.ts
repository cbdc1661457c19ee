import { existsSync, readFileSync } from "node:fs";
import type { Settings } from "./schema.ts";

/** Limits of the machine's kernel that many containers come up against; undefined where one can't be read. */
export interface KernelLimits {
  /** Addresses that all network namespaces together may know the MAC of (net.ipv4.neigh.default.gc_thresh3). */
  neighbours?: number | undefined;
  /** How many of these it keeps before it drops, every 5 s, those that were not just in use (net.ipv4.neigh.default.gc_thresh2). */
  neighboursKept?: number | undefined;
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
    neighboursKept: readNumber("/proc/sys/net/ipv4/neigh/default/gc_thresh2"),
    pids: readNumber("/proc/sys/kernel/pid_max"),
    inotifyInstances: readNumber("/proc/sys/fs/inotify/max_user_instances"),
    cgroup2: existsSync("/sys/fs/cgroup/cgroup.controllers"),
  };
}

/** Limits that are lower than so many computes need. */
export interface Shortage {
  /** The kernel's keys that are too low, and what each is. */
  keys: Record<string, number>;
  /** What each of them should be. */
  needs: number;
  /** What happens otherwise. */
  without: string;
}

/** What of the kernel's limits is too low for so many computes. */
export function shortages(
  { computes }: Pick<Settings, "computes">,
  { neighbours, neighboursKept, pids, inotifyInstances, cgroup2 }: KernelLimits,
): Shortage[] {
  // Below this, every distribution's own values do.
  if (computes < 50) return [];
  const wanted: [keys: Record<string, number | undefined>, needs: number, without: string][] = [
    [
      {
        "net.ipv4.neigh.default.gc_thresh3": neighbours,
        "net.ipv4.neigh.default.gc_thresh2": neighboursKept,
      },
      BASE + computes * NEIGHBOURS_PER_COMPUTE,
      "services lose each other, and each looks for the others at all computes",
    ],
    [{ "kernel.pid_max": pids }, BASE + computes * PIDS_PER_COMPUTE, "containers fail to start"],
    [
      { "fs.inotify.max_user_instances": cgroup2 ? inotifyInstances : undefined },
      BASE_INSTANCES + computes,
      "docker can't watch its containers",
    ],
  ];
  return wanted.flatMap(([keys, needs, without]) => {
    const low = Object.entries(keys).filter(
      (entry): entry is [string, number] => entry[1] !== undefined && entry[1] < needs,
    );
    return low.length === 0 ? [] : [{ keys: Object.fromEntries(low), needs, without }];
  });
}

/**
 * What the kernel should be told before so many computes run, one sentence each. They are warnings: what other programs
 * need is not known here, and these limits are the machine's own.
 */
export function limitWarnings(
  settings: Pick<Settings, "computes">,
  limits: KernelLimits,
): string[] {
  return shortages(settings, limits).map(({ keys, needs, without }) => {
    const names = Object.keys(keys);
    const orders = names.map((key) => `${key}=${needs}`);
    return `${settings.computes} computes need about ${needs} of ${names.join(" and ")}, this machine has ${Object.values(keys).join(" and ")}; otherwise ${without}: run \`sudo sysctl -w ${orders.join(" ")}\``;
  });
}

function readNumber(file: string): number | undefined {
  try {
    return Number(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}
