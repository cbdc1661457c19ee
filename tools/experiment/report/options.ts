import type { Attempt, Result } from "../result.ts";
import { letterOf, type Chart } from "./charts.ts";

/** Colours that keep apart on light and dark ground, also for eyes that tell red and green badly. */
const PALETTE = [
  ...["#3b82c4", "#e08a1e", "#2a9d74", "#b857a6", "#d1495b", "#7a8b2f", "#6b6ecf"],
  ...["#8c6d4f", "#17a2b8", "#9aa0a6", "#c9b037", "#5b8c5a", "#a0522d"],
];

/** Longest label at a step's line; the table of steps has the whole of it. */
const LABEL_LENGTH = 26;

/** From this many steps on, lines have numbers alone. */
const MANY_STEPS = 14;

/** ECharts' options of a chart: data alone, no code, so that nothing in it can be run. */
export function optionsOf(chart: Chart, results: readonly Result[]): Record<string, unknown> {
  const seconds = Math.max(...results.map((result) => result.seconds));
  const several = results.length > 1;
  return {
    animation: false,
    color: PALETTE,
    legend: { type: "scroll", top: 0, left: 0, right: 0, itemWidth: 18, icon: "roundRect" },
    grid: { left: 64, right: 24, top: 60, bottom: 76 },
    tooltip: { trigger: "axis", confine: true, order: "valueDesc", transitionDuration: 0 },
    axisPointer: { link: [{ xAxisIndex: "all" }], animation: false },
    xAxis: {
      type: "value",
      name: "seconds since the start",
      nameLocation: "middle",
      nameGap: 26,
      min: 0,
      max: Math.ceil(seconds),
      splitLine: { show: false },
    },
    yAxis: {
      type: "value",
      name: chart.unit,
      nameLocation: "middle",
      nameGap: 48,
      min: 0,
      minInterval: ["computes", "services", "requests"].includes(chart.unit) ? 1 : 0,
    },
    dataZoom: [
      { type: "inside", zoomOnMouseWheel: "ctrl", moveOnMouseWheel: false },
      { type: "slider", height: 16, bottom: 8, brushSelect: false, showDataShadow: false },
    ],
    series: [
      ...chart.lines.map((line) => ({
        name: line.name,
        type: line.type ?? "line",
        data: line.points,
        showSymbol: line.points.length < 3,
        symbolSize: 4,
        connectNulls: false,
        ...(line.type === "bar"
          ? { stack: `failed ${line.result}`, barMaxWidth: 14 }
          : { step: chart.unit === "computes" || chart.unit === "services" ? "end" : false }),
        color: PALETTE[line.color % PALETTE.length],
        lineStyle: {
          width: line.broad ? 6 : 1.6,
          opacity: line.broad ? 0.45 : 1,
          type: line.result === 1 ? "dashed" : "solid",
        },
        itemStyle: { opacity: line.result === 1 ? 0.6 : 1 },
        emphasis: { focus: "series" },
      })),
      ...results.map((result, index) => boundaries(result, several ? letterOf(index) : "", index)),
    ],
  };
}

/** A series without data that draws where steps begin, and what went wrong. */
function boundaries({ attempts, seconds }: Result, letter: string, index: number) {
  const numbers = numbersOf(attempts);
  return {
    type: "line",
    name: "",
    data: [],
    silent: true,
    markLine: {
      silent: true,
      symbol: "none",
      lineStyle: { type: index === 0 ? "dashed" : "dotted", width: 1, opacity: 0.7, color: "#888" },
      label: {
        formatter: "{b}",
        rotate: 90,
        position: "insideEndBottom",
        fontSize: 10,
        color: "#888",
        distance: 4,
      },
      data: attempts.map((attempt) => ({
        name: nameOf(attempt, `${letter}${numbers.get(attempt.id)}`, attempts.length),
        xAxis: attempt.from,
      })),
    },
    markArea: {
      silent: true,
      itemStyle: { color: "#d1495b", opacity: 0.1 },
      data: attempts
        .filter(({ outcome }) => outcome !== "done")
        .map(({ from, to }) => [{ xAxis: from }, { xAxis: to ?? seconds }]),
    },
  };
}

/** The place of each step; attempts at the same step have the same. */
export function numbersOf(attempts: readonly Attempt[]): Map<string, number> {
  const ids = [...new Set(attempts.map(({ id }) => id))];
  return new Map(ids.map((id, index) => [id, index + 1]));
}

function nameOf({ label }: Attempt, number: string, count: number): string {
  if (count > MANY_STEPS) return number;
  const short = label.length > LABEL_LENGTH ? `${label.slice(0, LABEL_LENGTH - 1)}…` : label;
  return `${number} ${short}`;
}
