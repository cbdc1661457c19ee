import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { chromium, type Browser, type Page } from "playwright-core";
import { chartsOf } from "../../../tools/experiment/report/charts.ts";
import { html, jsonInScript } from "../../../tools/experiment/report/html.ts";
import { writeReport } from "../../../tools/experiment/report/write.ts";
import type { Result } from "../../../tools/experiment/result.ts";
import { findChromium } from "../../../tools/setup/tasks/chromium.ts";
import { HOSTILE, sampleResult, samplesWithout } from "../../support/experiment.ts";

const ALL = [
  ...["computes", "services", "api-percentiles", "api-median", "api-failed"],
  ...["database-queries", "database-connections", "messages", "queue-depth"],
  ...["broker-connections", "memory-service", "memory-compute", "cpu-service", "cpu-compute"],
  ...["machine-load", "machine-memory"],
];

describe("the charts of a report", () => {
  const lineOf = (results: Result[], chart: string, name: string) =>
    chartsOf(results)
      .find(({ id }) => id === chart)
      ?.lines.find((line) => line.name === name);

  it("are all there, with a gap where nothing was measured", () => {
    assert.deepEqual(
      chartsOf([sampleResult()]).map(({ id }) => id),
      ALL,
    );
    const registered = lineOf([sampleResult()], "computes", "registered");
    assert.equal(registered?.points.length, 30);
    assert.deepEqual(registered?.points[25], [50, 2]);
    const ready = lineOf([sampleResult()], "queue-depth", "ready");
    assert.deepEqual(ready?.points[12], [24, null]);
  });

  it("say why something is not available", () => {
    const samples = samplesWithout("broker");
    const notAvailable = { broker: "there is no container of rabbitmq that runs" };
    const messages = chartsOf([sampleResult({ samples, notAvailable })]).find(
      ({ id }) => id === "messages",
    );
    assert.equal(messages?.missing, "not available: there is no container of rabbitmq that runs");
  });

  it("take percentiles over stretches of time", () => {
    const median = lineOf([sampleResult()], "api-median", "keystone");
    assert.deepEqual(median?.points, [
      [5, 14],
      [15, 24],
      [25, 34],
      [35, 44],
      [45, 54],
      [55, 64],
    ]);
    const failed = lineOf([sampleResult()], "api-failed", "nova");
    assert.deepEqual(failed?.points[2], [25, 5]);
  });

  it("break at an interruption", () => {
    const points = lineOf([sampleResult({ resumed: [31] })], "computes", "up")?.points ?? [];
    assert.deepEqual(points.slice(15, 18), [
      [30, 1],
      [31, null],
      [32, 1],
    ]);
  });

  it("show the least, mean and most of many computes", () => {
    const result = sampleResult();
    const { seconds = [] } = result.samples["containers"] ?? {};
    const series = Object.fromEntries(
      Array.from({ length: 20 }, (_, index) => [
        `memory.compute.compute-${index}`,
        seconds.map(() => 100 + index),
      ]),
    );
    const many = sampleResult({ samples: { containers: { seconds, series } } });
    const lines = chartsOf([many]).find(({ id }) => id === "memory-compute")?.lines ?? [];
    assert.deepEqual(
      lines.map(({ name, points }) => [name, points[0]?.[1]]),
      [
        ["least", 100],
        ["mean", 109.5],
        ["most", 119],
      ],
    );
  });

  it("have the lines of two results in the same colours", () => {
    const lines =
      chartsOf([sampleResult(), sampleResult()]).find(({ id }) => id === "computes")?.lines ?? [];
    assert.deepEqual(
      lines.map(({ name, color, result }) => [name, color, result]),
      [
        ["A registered", 0, 0],
        ["A up", 1, 0],
        ["B registered", 0, 1],
        ["B up", 1, 1],
      ],
    );
  });
});

describe("text in a page", () => {
  it("never is markup", () => {
    const { text } = html`<p title="${HOSTILE}">${[HOSTILE, 1, null, false]}</p>`;
    assert.equal(text.match(/</g)?.length, 2);
    assert.ok(!/["']>?[^"]*onerror="/.test(text.slice(3)), text);
  });

  it("never ends a script", () => {
    const { text } = jsonInScript({ [HOSTILE]: HOSTILE });
    assert.ok(!text.includes("<") && !text.includes("\u2028"));
    assert.deepEqual(JSON.parse(text), { [HOSTILE]: HOSTILE });
  });
});

describe("a report in a browser", { timeout: 300_000 }, () => {
  const folder = mkdtempSync(path.join(tmpdir(), "overcloud-report-"));
  let browser: Browser;

  before(async () => {
    const executablePath = findChromium();
    assert.ok(executablePath, "set-up sees to a Chromium");
    browser = await chromium.launch({
      executablePath,
      timeout: 120_000,
      args: [
        ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
        ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
      ],
    });
  });

  after(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Opens a report without any network, and hears everything it complains about. */
  async function open(results: Result[], colorScheme: "light" | "dark" = "light") {
    const file = path.join(folder, "report.html");
    writeReport(file, results);
    const context = await browser.newContext({
      colorScheme,
      viewport: { width: 1300, height: 900 },
      offline: true,
    });
    const page = await context.newPage();
    const complaints: string[] = [];
    const requests: string[] = [];
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("request", (request) => requests.push(request.url()));
    await page.goto(pathToFileURL(file).href);
    await page.waitForSelector("html[data-drawn]", { timeout: 60_000 });
    return { page, complaints, requests };
  }

  /** How many colours a chart's picture has; one that was not drawn has a single one. */
  async function colours(page: Page, id: string): Promise<number> {
    return page.locator(`#chart-${id} canvas`).evaluate((node) => {
      const canvas = node as unknown as {
        width: number;
        height: number;
        getContext(kind: "2d"): {
          getImageData(x: number, y: number, w: number, h: number): { data: Uint8ClampedArray };
        };
      };
      // The middle: without axes, legend and the bar below.
      const [w, h] = [Math.floor(canvas.width * 0.8), Math.floor(canvas.height * 0.5)];
      const x = Math.floor(canvas.width * 0.1);
      const y = Math.floor(canvas.height * 0.2);
      const { data } = canvas.getContext("2d").getImageData(x, y, w, h);
      const seen = new Set<number>();
      for (let at = 0; at < data.length; at += 4) {
        seen.add(((data[at] ?? 0) << 16) | ((data[at + 1] ?? 0) << 8) | (data[at + 2] ?? 0));
      }
      return seen.size;
    });
  }

  /** What the plotting library has of a chart. */
  async function drawn(page: Page, id: string) {
    return page.evaluate((element) => {
      interface Option {
        series: { name: string; data: unknown[]; markLine?: { data: { name: string }[] } }[];
        xAxis: { name: string }[];
        yAxis: { name: string }[];
      }
      const { document, echarts } = globalThis as unknown as {
        document: { getElementById(id: string): unknown };
        echarts: { getInstanceByDom(dom: unknown): { getOption(): Option } };
      };
      const option = echarts.getInstanceByDom(document.getElementById(element)).getOption();
      return {
        x: option.xAxis[0]?.name,
        y: option.yAxis[0]?.name,
        points: Object.fromEntries(option.series.map(({ name, data }) => [name, data.length])),
        boundaries: option.series.flatMap(({ markLine }) =>
          (markLine?.data ?? []).map(({ name }) => name),
        ),
      };
    }, `chart-${id}`);
  }

  for (const scheme of ["light", "dark"] as const) {
    it(`draws every plot in ${scheme}, with its axes and steps, from this one file`, async () => {
      const { page, complaints, requests } = await open([sampleResult()], scheme);
      const charts = chartsOf([sampleResult()]);
      for (const { id, unit, lines } of charts) {
        const seen = await drawn(page, id);
        assert.equal(seen.x, "seconds since the start", id);
        assert.equal(seen.y, unit, id);
        for (const { name, points } of lines) assert.equal(seen.points[name], points.length, name);
        assert.deepEqual(seen.boundaries, ["1 quiet", "2 broken", "3 after"], id);
        assert.ok((await colours(page, id)) > 3, `${id} is blank`);
      }
      assert.equal(await page.locator("figure canvas").count(), ALL.length);
      const ground = await page.evaluate(
        "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0] > 128",
      );
      assert.equal(ground, scheme === "light");
      assert.deepEqual(complaints, []);
      assert.equal(requests.length, 1, requests.join(" "));
      await page.context().close();
    });
  }

  it("has a table of steps with their outcomes", async () => {
    const { page } = await open([sampleResult()]);
    const rows = await page.locator("table").first().locator("tbody tr").allInnerTexts();
    assert.equal(rows.length, 3);
    assert.match(rows[0] ?? "", /^1\s+quiet\s+done\s+0\s+20/);
    assert.match(rows[1] ?? "", /broken[\s\S]*failed[\s\S]*ended with status 2/);
    assert.match(
      await page.locator("body").innerText(),
      /0\.92 s of CPU in 60 s: 1\.5 % of a core/,
    );
    await page.context().close();
  });

  it("says what was expected and whether it was so", async () => {
    const expect = { steps: "broken", failedApiRequests: 2, computesDown: 0 };
    const { page } = await open([sampleResult({ expect })]);
    const rows = await page.locator("table.expected tr").allInnerTexts();
    assert.match(rows[0] ?? "", /API requests failed\s+5\s+at most 2/);
    assert.match(rows[1] ?? "", /computes down\s+0\s+at most 0/);
    assert.equal(await page.locator("table.expected .bad").innerText(), "5");
    await page.context().close();
  });

  it("shows what is not available as that", async () => {
    const samples = samplesWithout("broker");
    const { page, complaints } = await open([sampleResult({ samples })]);
    assert.equal(await page.locator("#chart-messages").innerText(), "not available");
    assert.deepEqual(complaints, []);
    await page.context().close();
  });

  it("takes no text from outside for markup or code", async () => {
    const base = sampleResult();
    const { seconds = [] } = base.samples["containers"] ?? {};
    const hostile = sampleResult({
      name: HOSTILE,
      description: HOSTILE,
      stack: HOSTILE,
      settings: { [HOSTILE]: HOSTILE },
      attempts: base.attempts.map((attempt) => ({
        ...attempt,
        label: HOSTILE,
        message: HOSTILE,
        log: `javascript:${HOSTILE}`,
        parameters: { vars: { [HOSTILE]: HOSTILE } },
        playbookResult: { results: { [HOSTILE]: 3 }, text: HOSTILE },
      })),
      samples: {
        ...base.samples,
        containers: {
          seconds,
          series: { [`memory.service.${HOSTILE}`]: seconds.map(() => 5) },
        },
      },
    });
    for (const results of [[hostile], [hostile, hostile]]) {
      const { page, complaints } = await open(results);
      const figure = page.locator("#chart-memory-service");
      await figure.scrollIntoViewIfNeeded();
      // The tooltip is markup that the plotting library makes.
      await figure.hover();
      await page.waitForTimeout(300);
      assert.equal(await page.evaluate("window.harmed"), undefined);
      assert.equal(await page.locator("img").count(), 0);
      assert.equal(await page.locator("script").count(), 3);
      assert.equal(await page.locator('a[href^="javascript:"]').count(), 0);
      assert.ok((await page.locator("body").innerText()).includes(HOSTILE.slice(0, 40)));
      assert.deepEqual(complaints, []);
      await page.context().close();
    }
  });

  it("puts two results beside each other", async () => {
    const slower = sampleResult({ stack: "other", seconds: 70 });
    const last = slower.attempts[2];
    assert.ok(last);
    last.to = 70;
    const { page, complaints } = await open([sampleResult(), slower]);
    const seen = await drawn(page, "computes");
    assert.deepEqual(Object.keys(seen.points).filter(Boolean), [
      ...["A registered", "A up", "B registered", "B up"],
    ]);
    assert.deepEqual(seen.boundaries.slice(2, 4), ["A3 after", "B1 quiet"]);
    const rows = await page.locator("#differences tbody tr").allInnerTexts();
    const duration = rows.filter((row) => row.startsWith("duration"));
    assert.match(duration[2] ?? "", /20\s+30\s+\+10\s+\+50\.0 %/);
    assert.ok(rows.some((row) => /^downtime\.seconds\s+12\.5\s+12\.5\s+0/.test(row)));
    assert.deepEqual(complaints, []);
    await page.context().close();
  });
});
