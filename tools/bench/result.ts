import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PROJECT_DIRECTORY } from "../../components/project.ts";

const FOLDER = join(PROJECT_DIRECTORY, "bench");

function fileOf(kind: string, date: string): string {
  return join(FOLDER, `${date.slice(0, 10)}-${kind}.json`);
}

/** Writes bench/DATE-KIND.json, in place of one that was measured earlier on that day. */
export function writeResult(kind: string, report: { date: string }): void {
  const file = fileOf(kind, report.date);
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
  console.log(`bench: written to ${file}`);
}

/** What was measured earlier on the day of a date; undefined for nothing. */
export function readResult<T>(kind: string, date: string): T | undefined {
  const file = fileOf(kind, date);
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as T) : undefined;
}
