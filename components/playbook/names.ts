import path from "node:path";
import { PROJECT_DIRECTORY } from "../project.ts";

/** Name of a playbook among the stack's: its own, or its file's; undefined if that can't be one. */
export function nameOf(entry: { path: string; name?: string | undefined }): string | undefined {
  if (entry.name !== undefined) return entry.name;
  const name = path.basename(entry.path).replace(/\.(ya?ml|json)$/, "");
  return /^[a-z0-9][a-z0-9._-]{0,60}$/.test(name) ? name : undefined;
}

/** Where a playbook of the settings is: paths are relative to the project. */
export function pathOf(file: string): string {
  return path.resolve(PROJECT_DIRECTORY, file);
}
