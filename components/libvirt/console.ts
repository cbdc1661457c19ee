import { mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import type { Action } from "../step/action.ts";

/** Where the console of a node is kept, from one boot to the next. */
export function consoleLogOf(outputDirectory: string, node: string): string {
  return `${outputDirectory}/console/${node}.log`;
}

/** Makes the file where it is missing: libvirt appends to it as root, and its owner is whoever may read it. */
export const makeConsoleLog: Action<{ file: string }> = async ({ file }) => {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await (await open(file, "a", 0o600)).close();
};
