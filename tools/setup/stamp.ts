import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { readText } from "./host.ts";

/** Where a tool of ours came from. */
export interface Stamp {
  readonly origin: "release" | "built";
  readonly version: string;
  /** Hash of the sources, of what was built. */
  readonly sources?: string;
  /** Where it was put. */
  readonly target: string;
}

/** Notes what was installed, after it is in place. */
export function writeStamp(folder: string, name: string, stamp: Stamp): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, `${name}.json`), `${JSON.stringify(stamp)}\n`);
}

/** What was noted; undefined where nothing was. */
export function readStamp(folder: string, name: string): Stamp | undefined {
  const text = readText(path.join(folder, `${name}.json`));
  return text === "" ? undefined : (JSON.parse(text) as Stamp);
}

/** Whether what was noted is what is wanted now: edited sources and new versions make it stale. */
export function isCurrent(
  stamp: Stamp | undefined,
  wanted: { readonly version: string; readonly sources: string; readonly target: string },
): boolean {
  if (stamp?.version !== wanted.version || stamp.target !== wanted.target) return false;
  return stamp.origin === "release" || stamp.sources === wanted.sources;
}
