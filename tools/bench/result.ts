import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PROJECT_DIRECTORY } from "../../components/project.ts";

/** Writes bench/DATE-KIND.json, in place of one that was measured earlier on that day. */
export function writeResult(kind: string, report: { date: string }): void {
  const directory = join(PROJECT_DIRECTORY, "bench");
  mkdirSync(directory, { recursive: true });
  const file = join(directory, `${report.date.slice(0, 10)}-${kind}.json`);
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
  console.log(`bench: written to ${file}`);
}
