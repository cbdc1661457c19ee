import { rm } from "node:fs/promises";
import type { Action } from "../step/action.ts";

/** Removes the file of a playbook's settings. */
export const forget: Action<{ file: string }> = async ({ file }) => {
  await rm(file, { force: true });
};
