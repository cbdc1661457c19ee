import { readFileSync } from "node:fs";
import { release } from "node:os";
import type { Problem } from "./problems.ts";
import type { Settings } from "./schema.ts";

/** What the machine's kernel does about equal pages of memory. */
export interface MergingFacts {
  /** The kernel's version, such as 6.8.0-45-generic. */
  kernel: string;
  /** Whether it merges pages at all at the moment. */
  running: boolean;
}

/** From here on, a process that asks to be merged asks for all that it starts as well. */
const MERGED_SINCE = [6, 7] as const;

const RUN = "/sys/kernel/mm/ksm/run";

/** Looks at the machine, and changes nothing. */
export function readMergingFacts(): MergingFacts {
  return { kernel: release(), running: readRun() === "1" };
}

function readRun(): string {
  try {
    return readFileSync(RUN, "utf8").trim();
  } catch {
    // A kernel without it.
    return "";
  }
}

/** Rules between `compute.sharing` and other keys. */
export function checkSharing({ controlPlane, compute, computes }: Settings): Problem[] {
  if (compute.sharing === "none" || controlPlane === "standalone" || computes === 0) return [];
  return [
    {
      key: "compute.sharing",
      value: compute.sharing,
      message: "is for controlPlane standalone; computes of an overcloud's release share nothing",
      involves: ["controlPlane", "computes"],
    },
  ];
}

/** Rules between `compute.sharing` and the machine; without facts there are none. */
export function checkMerging(
  { compute, computes }: Settings,
  merging: MergingFacts | undefined,
): Problem[] {
  if (compute.sharing !== "merged" || computes === 0 || merging === undefined) return [];
  const problem = (message: string): Problem[] => [
    { key: "compute.sharing", value: compute.sharing, message },
  ];
  if (!isSince(merging.kernel, MERGED_SINCE)) {
    return problem(
      `needs Linux ${MERGED_SINCE.join(".")} or later, this is ${merging.kernel}; set it to forked`,
    );
  }
  if (merging.running) return [];
  return problem(
    `needs the kernel to merge equal pages, which it does not on this machine: run \`echo 1 | sudo tee ${RUN}\`, or set it to forked`,
  );
}

function isSince(kernel: string, [major, minor]: readonly [number, number]): boolean {
  const [, is = "0", has = "0"] = /^(\d+)\.(\d+)/.exec(kernel) ?? [];
  return Number(is) > major || (Number(is) === major && Number(has) >= minor);
}
