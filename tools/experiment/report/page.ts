import { verdicts } from "../expect.ts";
import type { Attempt, Result } from "../result.ts";
import { differences, METRICS, stepMetrics } from "../summary.ts";
import { chartsOf, letterOf, type Chart } from "./charts.ts";
import { html, Html, jsonInScript } from "./html.ts";
import { numbersOf, optionsOf } from "./options.ts";

/** What the page is made of besides the results. */
export interface PageParts {
  css: string;
  script: string;
  /** The plotting library. */
  library: string;
}

/** Metrics that have a column in the table of one result's steps; a report of two has them all. */
const COLUMNS = [
  ...["computesUp", "apiP50", "apiP95", "apiFailed", "queries", "messages", "queueDepth"],
  ...["controlPlaneMemory", "busyCores"],
];

/** The report of one result, or of two beside each other: one page that needs nothing else. Pure. */
export function renderPage(results: readonly Result[], parts: PageParts): string {
  const charts = chartsOf(results);
  const drawn = charts.filter(({ missing }) => missing === undefined);
  const title = results.map(({ name }) => name).join(" and ");
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta
          http-equiv="Content-Security-Policy"
          content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"
        />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title}</title>
        <style>
          ${new Html(parts.css)}
        </style>
      </head>
      <body>
        ${results.length > 1 ? headOfTwo(results) : results.map(headOfOne)}
        ${results.length > 1 && comparison(results)}
        <h2>Steps</h2>
        ${results.map((result, index) => stepsTable(result, results.length > 1 ? letterOf(index) : ""))}
        ${results.map((result, index) => expectations(result, results.length > 1 ? letterOf(index) : ""))}
        <h2>Measured</h2>
        <p class="note">
          Dashed lines are where steps begin; tinted, what did not end well. Gaps are times without
          a value, which is not zero. Drag the bar below a plot, or turn the wheel with Ctrl, to
          zoom all of them.
        </p>
        <div class="charts">${charts.map(figure)}</div>
        <h2>What measuring cost</h2>
        ${results.map(costOf)} ${results.map(playbookResults)}
        <h2>Versions, machine and settings</h2>
        ${results.map(factsOf)}
        <script type="application/json" id="charts">
          ${jsonInScript(
            drawn.map((chart) => ({
              id: chart.id,
              unit: chart.unit,
              option: optionsOf(chart, results),
            })),
          )}
        </script>
        <script>
          ${new Html(parts.library)};
        </script>
        <script>
          ${new Html(parts.script)};
        </script>
      </body>
    </html> `;
  return page.text;
}

function headOfOne(result: Result): Html {
  return html`<header>
    <h1>${result.name}</h1>
    ${result.description !== "" && html`<p>${result.description}</p>`}
    <p class="quiet">
      Stack ${result.stack}, ${date(result.started)}, ${duration(result.seconds)}
      ${result.finished ? "in all" : html`<span class="bad">so far: not finished</span>`}${result.resumed.length > 0 && `, gone on with ${result.resumed.length === 1 ? "once" : `${result.resumed.length} times`}`}
    </p>
  </header>`;
}

function headOfTwo(results: readonly Result[]): Html {
  return html`<header>
    <h1>Two results beside each other</h1>
    <p class="quiet">
      By the time since each one's start. Lines of A are solid, those of B dashed.
    </p>
    ${results.map((result, index) => html`<p><strong>${letterOf(index)}</strong> ${result.name}, stack ${result.stack}, ${date(result.started)}, ${duration(result.seconds)}${!result.finished && html`, <span class="bad">not finished</span>`}${result.description !== "" && html`<br /><span class="quiet">${result.description}</span>`}</p>`)}
  </header>`;
}

function stepsTable(result: Result, letter: string): Html {
  const numbers = numbersOf(result.attempts);
  const columns = METRICS.filter(({ key }) => COLUMNS.includes(key));
  return html`<div class="scroll">
    <table class="steps">
      <thead>
        <tr>
          <th class="number">${letter || "#"}</th>
          <th>step</th>
          <th>outcome</th>
          <th class="number">from s</th>
          <th class="number">took s</th>
          ${columns.map(({ title, unit }) => html`<th class="number">${title}${unit && ` ${unit}`}</th>`)}
          <th>log</th>
        </tr>
      </thead>
      <tbody>
        ${result.attempts.map((attempt) => {
          const metrics = stepMetrics(result, attempt);
          return html` <tr>
            <td class="number">${numbers.get(attempt.id)}</td>
            <td>${attempt.label}${parameters(attempt)}</td>
            <td>${outcome(attempt)}</td>
            <td class="number">${show(attempt.from)}</td>
            <td class="number">${show(metrics["duration"] ?? null)}</td>
            ${columns.map(({ key }) => html`<td class="number">${show(metrics[key] ?? null)}</td>`)}
            <td>${letter === "" && logLink(attempt)}</td>
          </tr>`;
        })}
      </tbody>
    </table>
  </div>`;
}

function parameters({ kind, parameters }: Attempt): Html | false {
  const { vars } = parameters;
  const shown = kind === "playbook" ? vars : kind === "update" ? parameters : {};
  const entries = Object.entries(Object(shown) as Record<string, unknown>);
  if (entries.length === 0) return false;
  return html`<br /><span class="note"
      >${entries.map(([key, value]) => `${key} ${typeof value === "string" ? value : JSON.stringify(value)}`).join(", ")}</span
    >`;
}

/** Of a report of two results it is not known from where it is opened. Whatever else a result names is no log. */
function logLink({ log }: Attempt): Html | false {
  const isLog = log !== undefined && /^steps\/[\w.-]+\.log$/.test(log);
  return isLog && html`<a href="${log}">log</a>`;
}

function outcome({ outcome: how, message }: Attempt): Html {
  return html`<span class="${how === "done" ? "good" : "bad"}">${how}</span
    >${message !== undefined && html`<br /><span class="note">${message}</span>`}`;
}

function expectations(result: Result, letter: string): Html | false {
  const judged = verdicts(result);
  if (judged.length === 0) return false;
  return html`<h2>Expected ${letter && `of ${letter}`}</h2>
    <p class="note">
      Over the steps "${result.expect?.steps}". Growth of memory is the slope through all of their
      samples, of the one that grew most.
    </p>
    <div class="scroll">
      <table class="expected">
        <tbody>
          ${judged.map(
            ({ title, unit, limit, measured, met, worst }) =>
              html`<tr>
                <td>${title}${worst !== undefined && ` (${worst})`}</td>
                <td class="number ${met ? "good" : "bad"}">${show(measured)}${unit}</td>
                <td class="number">at most ${limit}${unit}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
}

function figure({ id, title, note, missing }: Chart): Html {
  return html`<figure>
    <h3>${title}</h3>
    ${note !== undefined && html`<p class="note">${note}</p>`}${
      missing === undefined
        ? html`<div class="plot" id="chart-${id}" role="img" aria-label="${title}"></div>`
        : html`<p class="missing" id="chart-${id}">${missing}</p>`
    }
  </figure>`;
}

function comparison([a, b]: readonly Result[]): Html | false {
  if (!a || !b) return false;
  return html`<h2>Differences by step</h2>
    <div class="scroll">
      <table id="differences">
        <thead>
          <tr>
            <th></th>
            <th class="number">A</th>
            <th class="number">B</th>
            <th class="number">B − A</th>
            <th class="number">B to A</th>
          </tr>
        </thead>
        <tbody>
          ${differences(a, b).map(
            ({ label, rows }, index) =>
              html` <tr class="step">
                  <th colspan="5">${index + 1} ${label}</th>
                </tr>
                ${rows.map(({ title, unit, values: [ofA = null, ofB = null], lessIsBetter }) => {
                  const difference = ofA === null || ofB === null ? null : ofB - ofA;
                  const share =
                    difference === null || ofA === null || ofA === 0 ? null : difference / ofA;
                  // What a single run tells is not more exact than that.
                  const notable = lessIsBetter && share !== null && Math.abs(share) >= 0.1;
                  const judged = !notable ? "" : share < 0 ? "good" : "bad";
                  return html` <tr>
                    <td>${title}${unit && ` (${unit})`}</td>
                    <td class="number">${show(ofA)}</td>
                    <td class="number">${show(ofB)}</td>
                    <td class="number ${judged}">${show(difference, true)}</td>
                    <td class="number ${judged}">${share === null ? "" : percent(share)}</td>
                  </tr>`;
                })}`,
          )}
        </tbody>
      </table>
    </div>
    <p class="note">
      Coloured from 10 % on. Two runs tell what happened in these two runs: repeat them before
      believing a small difference.
    </p>`;
}

function costOf({ cost, samples, intervalSeconds, machine }: Result): Html {
  const asked = Object.values(samples).reduce((sum, { seconds }) => sum + seconds.length, 0);
  const clients = Object.entries(cost.clientCpuSeconds);
  const cpu = cost.cpuSeconds + clients.reduce((sum, [, seconds]) => sum + seconds, 0);
  const perSecond = (count: number) => show(cost.seconds === 0 ? null : count / cost.seconds);
  const share = cost.seconds === 0 ? 0 : cpu / cost.seconds;
  const memory = Object.entries(cost.clientMemory).map(
    ([service, size]) => `${show(size)} MiB beside ${service}`,
  );
  return html`<p>
    ${asked} samples, one of each kind every ${intervalSeconds} s where it answered in time, took
    ${show(cpu)} s of CPU in ${show(cost.seconds)} s: ${percent(share).replace("+", "")} of a core
    of ${machine.cores} (this program ${show(cost.cpuSeconds)}
    s${clients.map(([service, seconds]) => `, the client beside ${service} ${show(seconds)} s`)}),
    and ${perSecond(cost.databaseStatements)} database statements and ${perSecond(cost.apiRequests)}
    API requests per second. Not in the services' numbers above: the clients' memory
    (${memory.join(", ")}) and the statements they ask. In them: what the API requests cause in the
    services and the database.
  </p>`;
}

function playbookResults(result: Result): Html[] {
  return result.attempts
    .filter(({ playbookResult }) => playbookResult !== undefined)
    .map(
      ({ label, playbookResult }) =>
        html`<details>
          <summary>Result of ${label}</summary>
          <pre>${JSON.stringify(playbookResult, null, 2)}</pre>
        </details>`,
    );
}

function factsOf(result: Result): Html {
  const { versions, machine, settings } = result;
  const rows: [string, string | null][] = [
    ["OpenStack", versions.openstack && pairs(versions.openstack)],
    ["this project", versions.project],
    ["Pulumi", versions.pulumi],
    ["docker", versions.docker],
    ["Node.js", versions.node],
    ["machine", `${machine.cpu}, ${machine.cores} cores, ${machine.memoryMb} MiB`],
    ["kernel", `${machine.kernel} (${machine.system})`],
    ["settings of the stack", pairs(settings) || "defaults"],
  ];
  return html`<div class="scroll">
    <table>
      <tbody>
        ${rows.map(
          ([name, value]) =>
            html` <tr>
              <th>${name}</th>
              <td>${value ?? "not available"}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

function pairs(values: Record<string, unknown>): string {
  return Object.entries(values)
    .filter(([, value]) => value !== "" && !(typeof value === "object" && isEmpty(value)))
    .map(([key, value]) => `${key} ${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(", ");
}

function isEmpty(value: object | null): boolean {
  return value === null || Object.keys(value).length === 0;
}

function date(iso: string): string {
  return iso.replace("T", " ").replace(/\.\d+Z$/, " UTC");
}

function duration(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  return `${minutes > 0 ? `${minutes} min ` : ""}${Math.round(seconds % 60)} s`;
}

function percent(share: number): string {
  return `${share > 0 ? "+" : ""}${(share * 100).toFixed(1)} %`;
}

function show(value: number | null, signed = false): string {
  if (value === null) return "–";
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  const text = Number(value.toFixed(digits)).toString();
  return signed && value > 0 ? `+${text}` : text;
}
