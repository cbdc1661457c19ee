import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as echarts from "echarts";
import { PROJECT_DIRECTORY } from "../../components/project.ts";
import { variantOf, type DensityReport, type Point } from "./density.ts";

const FOLDER = join(PROJECT_DIRECTORY, "bench");

/** One picture: what it shows of a number of computes, given all numbers up to it. */
interface Plot {
  file: string;
  title: string;
  unit: string;
  valueOf: (points: readonly Point[]) => number | undefined;
}

/** The pictures, by what they show. */
export const PLOTS: readonly Plot[] = [
  {
    file: "memory-per-compute.svg",
    title: "Memory of one simulated compute",
    unit: "MiB",
    valueOf: (points) => points.at(-1)?.mibPerCompute,
  },
  {
    file: "time-to-register.svg",
    title: "From a control plane without computes until all are up",
    unit: "s",
    valueOf: (points) => points.reduce((sum, { upSeconds }) => sum + upSeconds, 0),
  },
];

/** Draws, for each networking and its settings, what `bench/` has of it: memory per compute and time to register, by their number. */
export function plotDensity(): void {
  const reports = tellingReports(
    readdirSync(FOLDER)
      .filter((name) => /^[\d-]{10}-density-.+\.json$/.test(name))
      .map((name) => JSON.parse(readFileSync(join(FOLDER, name), "utf8")) as DensityReport),
  );
  if (reports.length === 0)
    throw new Error("bench/ has no result of `npm run bench -- --sharing …`");
  for (const plot of PLOTS) {
    writeFileSync(join(FOLDER, plot.file), draw(plot, reports));
    console.log(`bench: drawn in ${join(FOLDER, plot.file)}`);
  }
}

/** Of each networking and its settings the report of the most numbers of computes, of several the newest: a line needs some of them. */
export function tellingReports(reports: readonly DensityReport[]): DensityReport[] {
  const telling = new Map<string, DensityReport>();
  const numbers = ({ runs }: DensityReport) => Math.max(...runs.map(({ points }) => points.length));
  for (const report of reports.toSorted((one, other) => (one.date < other.date ? -1 : 1))) {
    const kind = [report.networking, ...variantOf(report)].join(", ");
    const known = telling.get(kind);
    if (known === undefined || numbers(report) >= numbers(known)) telling.set(kind, report);
  }
  return [...telling.values()];
}

/** The lines of a picture, one for each networking and way of sharing. */
export function linesOf(
  { valueOf }: Pick<Plot, "valueOf">,
  reports: readonly DensityReport[],
): { name: string; data: [computes: number, value: number][] }[] {
  return reports.flatMap((report) =>
    report.runs.map(({ sharing, points }) => ({
      name: [report.networking, sharing, ...variantOf(report)].join(", "),
      data: points.flatMap((point, index): [number, number][] => {
        const value = valueOf(points.slice(0, index + 1));
        return value === undefined ? [] : [[point.computes, value]];
      }),
    })),
  );
}

/** A picture as SVG. */
export function draw(plot: Plot, reports: readonly DensityReport[]): string {
  const chart = echarts.init(null, null, { renderer: "svg", ssr: true, width: 760, height: 420 });
  chart.setOption({
    animation: false,
    backgroundColor: "#ffffff",
    title: { text: plot.title, left: "center" },
    legend: { bottom: 0 },
    grid: { left: 70, right: 30, top: 50, bottom: 80 },
    xAxis: { type: "log", name: "computes", nameLocation: "middle", nameGap: 28 },
    yAxis: { type: "value", name: plot.unit },
    series: linesOf(plot, reports).map((line) => ({ type: "line", ...line })),
  });
  const picture = chart.renderToSVGString();
  // It would go on looking for something to animate.
  chart.dispose();
  return `${picture}\n`;
}
