import { writeFileSync } from "node:fs";
import { getPriority, setPriority } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { pidsOf } from "../setup/daemons.ts";
import { readValue, type KernelValues } from "./kernel.ts";

const FOLDER = "/sys/kernel/mm/ksm";

/**
 * What the benchmark has the kernel merge with. Most pages of forked computes are one already: the kernel takes them for pages that change too fast to
 * be merged, and would compare each in every scan; `smart_scan` has it leave out more and more of them. The pace is one that takes a
 * twentieth of a core, as what runs is merged already.
 */
export const MERGING: KernelValues = {
  [`${FOLDER}/smart_scan`]: "1",
  [`${FOLDER}/pages_to_scan`]: "400",
  [`${FOLDER}/sleep_millisecs`]: "20",
  [`${FOLDER}/run`]: "1",
};

/** Pages at a time while computes start, and the priority of the kernel's thread then: at 0, beside 500 of them, it came to nothing. */
const ALONG = "4000";
const NICE = -10;

/** Pages at a time while nothing else is done but waiting for it. */
const HURRY = "30000";

/** How often every page has been looked at when merging counts as done, and how long that is waited for. */
const SCANS = 4;
const PATIENCE_MS = 300_000;

/**
 * Has the kernel merge with more than its own low priority while `work` starts computes: beside hundreds of them it would come to
 * nothing, and they would take twice their memory.
 */
export async function mergingAlong<T>(work: () => Promise<T>): Promise<T> {
  const [thread] = pidsOf("ksmd");
  if (thread === undefined) throw new Error("This kernel has no thread that merges pages (ksmd).");
  const nice = getPriority(thread);
  setPriority(thread, NICE);
  try {
    return await atPace(ALONG, work);
  } finally {
    setPriority(thread, nice);
  }
}

/** Waits until all that is there now has been compared. */
export async function merged(): Promise<void> {
  await atPace(HURRY, async () => {
    const until = Number(readKey("full_scans")) + SCANS;
    const end = Date.now() + PATIENCE_MS;
    while (Number(readKey("full_scans")) < until && Date.now() < end) await sleep(1000);
  });
}

async function atPace<T>(pages: string, work: () => Promise<T>): Promise<T> {
  const pace = readKey("pages_to_scan");
  writeFileSync(`${FOLDER}/pages_to_scan`, pages);
  try {
    return await work();
  } finally {
    writeFileSync(`${FOLDER}/pages_to_scan`, pace);
  }
}

function readKey(key: string): string {
  return readValue(`${FOLDER}/${key}`);
}
