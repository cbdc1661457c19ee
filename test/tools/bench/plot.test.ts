import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { DensityReport, Point } from "../../../tools/bench/density.ts";
import { draw, linesOf, PLOTS, tellingReports } from "../../../tools/bench/plot.ts";

const point = (computes: number, mibPerCompute: number, upSeconds: number) =>
  ({ computes, mibPerCompute, upSeconds }) as Point;

const REPORT: DensityReport = {
  date: "2026-01-02T03:04:05Z",
  networking: "ovn",
  runs: [
    {
      sharing: "none",
      date: "2026-01-02",
      machine: {},
      points: [point(1, 150, 20), point(10, 147, 30)],
      stopped: "no memory",
    },
    {
      sharing: "forked",
      date: "2026-01-02",
      machine: {},
      points: [point(1, 80, 20), point(10, 40, 5)],
    },
  ],
};

describe("what is drawn of a benchmark", () => {
  it("tells apart what was measured with other settings", () => {
    const [memory] = PLOTS;
    assert.ok(memory);
    const slow = { ...REPORT, reportIntervalSeconds: 30 };
    const apart = { ...slow, transportZoneSize: 25 };
    const names = linesOf(memory, [REPORT, slow, apart]).map(({ name }) => name);
    assert.deepEqual(names.slice(2), [
      ...["ovn, none, every 30 s", "ovn, forked, every 30 s"],
      ...["ovn, none, zones of 25, every 30 s", "ovn, forked, zones of 25, every 30 s"],
    ]);
  });

  it("is, of the same settings, the newest report of the most numbers", () => {
    const on = (date: string, ...numbers: number[]): DensityReport => ({
      ...{ date, networking: "ovn" },
      runs: [
        { ...{ sharing: "none", date, machine: {} }, points: numbers.map((n) => point(n, 1, 1)) },
      ],
    });
    const other: DensityReport = { ...on("2026-01-01", 1), networking: "ovs" };
    const drawn = tellingReports([
      on("2026-01-03", 1, 10),
      on("2026-01-04", 1),
      on("2026-01-02", 1, 10),
      other,
    ]);
    assert.deepEqual(drawn.map(({ date, networking }) => `${date} ${networking}`).sort(), [
      "2026-01-01 ovs",
      "2026-01-03 ovn",
    ]);
  });

  it("has a line for each way of sharing, with memory at and time up to each number", () => {
    const [memory, time] = PLOTS.map((plot) => linesOf(plot, [REPORT]));
    assert.deepEqual(memory, [
      {
        name: "ovn, none",
        data: [
          [1, 150],
          [10, 147],
        ],
      },
      {
        name: "ovn, forked",
        data: [
          [1, 80],
          [10, 40],
        ],
      },
    ]);
    assert.deepEqual(
      time?.map(({ data }) => data),
      [
        [
          [1, 20],
          [10, 50],
        ],
        [
          [1, 20],
          [10, 25],
        ],
      ],
    );
  });

  it("is a picture that names its lines", () => {
    for (const plot of PLOTS) {
      const picture = draw(plot, [REPORT]);
      assert.match(picture, /^<svg /);
      for (const text of [plot.title, "ovn, none", "ovn, forked"])
        assert.ok(picture.includes(text));
    }
  });
});
