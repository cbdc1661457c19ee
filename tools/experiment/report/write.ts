import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import type { Result } from "../result.ts";
import { renderPage } from "./page.ts";

/** Line, bar, legend, tooltip, zoom and marks of Apache ECharts; a third less than all of it. */
const LIBRARY = "echarts/dist/echarts.common.min.js";

/** Writes the report of one result, or of two beside each other, into one file. */
export function writeReport(file: string, results: readonly Result[]): void {
  const part = (name: string) => readFileSync(path.join(import.meta.dirname, name), "utf8");
  const page = renderPage(results, {
    css: part("page.css"),
    script: part("page.js"),
    library: readFileSync(createRequire(import.meta.url).resolve(LIBRARY), "utf8"),
  });
  writeFileSync(file, page);
}
