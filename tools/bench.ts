import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { Networking, Sharing } from "../config/schema.ts";
import type { Placement } from "../config/standalone.ts";
import { benchDensity } from "./bench/density.ts";
import { machine } from "./bench/machine.ts";
import { pss, pssOf } from "./bench/memory.ts";
import { plotDensity } from "./bench/plot.ts";
import { writeResult } from "./bench/result.ts";
import { bootServers } from "./bench/servers.ts";
import { APART, STACK } from "./bench/stack.ts";
import { ScratchStack } from "./scratch-stack.ts";

/** What one round measured: seconds, MiB or counts by name. */
type Round = Record<string, number>;

/**
 * Deploys a stack of its own again and again and measures what users wait for and what it costs, with each placement
 * that is asked for: `--placement containers,node` compares both. Writes a result file for each with the machine, the
 * date and the spread; judges nothing.
 *
 * With `--sharing none,forked,merged` and `--computes 10,50,100` it measures instead what a simulated compute costs in each
 * way of sharing memory, by their number; `--busy`, `--idle-minutes`, `--transport-zone-size` and `--report-interval`
 * are told of in tools/bench/density.ts. `npm run bench -- --plot` draws what was measured last.
 */
async function bench(argv: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      rounds: { type: "string", default: "3" },
      networking: { type: "string", default: "ovn" },
      placement: { type: "string", default: "containers" },
      sharing: { type: "string" },
      computes: { type: "string", default: "10,50,100" },
      plot: { type: "boolean", default: false },
      busy: { type: "string" },
      "idle-minutes": { type: "string" },
      "transport-zone-size": { type: "string" },
      "report-interval": { type: "string" },
    },
  });
  if (values.plot) {
    plotDensity();
    return;
  }
  const networking = values.networking as Networking;
  if (values.sharing !== undefined) {
    await benchDensity({
      networking,
      sharings: values.sharing.split(",") as Sharing[],
      counts: values.computes.split(",").map(Number),
      ...optional("busy", values.busy),
      ...optional("idleMinutes", values["idle-minutes"]),
      ...optional("transportZoneSize", values["transport-zone-size"]),
      ...optional("reportIntervalSeconds", values["report-interval"]),
    });
    return;
  }
  const medians: Record<string, Round> = {};
  for (const placement of values.placement.split(",") as Placement[]) {
    const rounds: Round[] = [];
    for (let round = 1; round <= Number(values.rounds); round += 1) {
      console.log(`bench: round ${round} of ${values.rounds}, ${networking}, ${placement}`);
      rounds.push(await measure(networking, placement));
    }
    const summary = summarise(rounds);
    write(networking, placement, { rounds, summary });
    console.table(summary);
    medians[placement] = Object.fromEntries(
      Object.entries(summary).map(([name, { median }]) => [name, median]),
    );
  }
  if (Object.keys(medians).length > 1) console.table(beside(medians));
}

function optional<Key extends string>(key: Key, value: string | undefined) {
  return value === undefined ? {} : ({ [key]: Number(value) } as Record<Key, number>);
}

function write(networking: Networking, placement: Placement, results: object): void {
  const date = new Date().toISOString();
  const report = { date, machine: machine(), networking, placement, ...results };
  writeResult(placement === "node" ? `${networking}-node` : networking, report);
}

/** Medians of several placements, by what was measured. */
function beside(medians: Record<string, Round>): Record<string, Round> {
  const names = new Set(Object.values(medians).flatMap((round) => Object.keys(round)));
  return Object.fromEntries(
    [...names].map((name) => [
      name,
      Object.fromEntries(
        Object.entries(medians).map(([placement, round]) => [placement, round[name] ?? Number.NaN]),
      ),
    ]),
  );
}

async function measure(networking: Networking, placement: Placement): Promise<Round> {
  const stack = new ScratchStack(STACK);
  const round: Round = {};
  const timed = async (name: string, work: () => Promise<unknown>) => {
    const start = performance.now();
    await work();
    round[name] = Math.round(performance.now() - start) / 1000;
    console.log(`bench:   ${name}: ${round[name]} s`);
  };
  try {
    await stack.create({
      computes: 3,
      networking,
      "standalone.placement": placement,
      "libvirt.networks.external.cidr": "10.79.216.0/24",
      ...APART,
    });
    const started = performance.now();
    await timed("up from nothing to 3 computes registered, s", () => stack.up());
    await timed("first server from the API call to ACTIVE, s", () => bootServer(stack));
    round["up from nothing to a server ACTIVE, s"] = Math.round(performance.now() - started) / 1000;
    await timed("openstack server create --wait, s", () => createWithClient(stack));
    for (let time = 1; time <= 3; time += 1) {
      await timed(`up without change (${time}), s`, () => stack.up());
    }
    await stack.configure({ computes: 8 });
    await timed("+5 computes registered, s", () => stack.up());
    round["control plane, MiB PSS"] =
      placement === "node" ? nodePss() : await pss(STACK, "control-plane");
    round["simulated compute, MiB PSS"] = (await pss(STACK, "simulated-compute")) / 8;
    await stack.configure({ computes: 3, scaleDown: "delete" });
    await timed("-5 computes with nothing left, s", () => stack.up());
    await timed("destroy, s", () => stack.destroy());
  } finally {
    await stack.remove();
  }
  return round;
}

async function bootServer(stack: ScratchStack): Promise<void> {
  const failed = await bootServers(stack, 1);
  if (failed > 0) throw new Error("the server of the benchmark is in ERROR");
}

async function createWithClient(stack: ScratchStack): Promise<void> {
  const { cloudsYaml } = await stack.outputs();
  execFileSync(
    "openstack",
    "server create --flavor tiny --image simulated --network private --wait bench-client".split(
      " ",
    ),
    {
      env: { ...process.env, OS_CLIENT_CONFIG_FILE: cloudsYaml, OS_CLOUD: STACK },
      stdio: "ignore",
      timeout: 180_000,
    },
  );
}

/** Proportional set size of the node's virtual machine in MiB, whatever of its memory the services in it use. */
function nodePss(): number {
  const pid = readFileSync(`/run/libvirt/qemu/${STACK}-controller-0.pid`, "utf8").trim();
  return Math.round(pssOf(pid) / 1024);
}

function summarise(rounds: Round[]): Record<string, { min: number; median: number; max: number }> {
  return Object.fromEntries(
    Object.keys(rounds[0] ?? {}).map((name) => {
      const values = rounds.map((round) => round[name] ?? Number.NaN).sort((a, b) => a - b);
      return [
        name,
        {
          min: values[0] ?? Number.NaN,
          median: values[Math.floor(values.length / 2)] ?? Number.NaN,
          max: values.at(-1) ?? Number.NaN,
        },
      ];
    }),
  );
}

await bench(process.argv.slice(2));
