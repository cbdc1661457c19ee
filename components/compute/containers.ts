import { execa } from "execa";
import type { Settings } from "../../config/schema.ts";
import { engineEnvironment } from "../docker-hosts/engine.ts";
import { labelOf, labelsOf } from "../names.ts";
import { hostOf } from "./hosts.ts";

/**
 * For each docker host a program, with its arguments, that prints a line for each compute that has a container there, also one that
 * has stopped: its name.
 */
export function listComputes(stack: string, hosts: Settings["hosts"]): string[][] {
  const name = hostOf(`{{.Label "${labelOf("index")}"}}`);
  return onHosts(hosts, `docker ps --all ${filtersOf(stack)} --format '${name}'`);
}

/** The same, with when the container was started last (ISO 8601) beside the name, which takes docker a look at each. */
export function inspectComputes(stack: string, hosts: Settings["hosts"]): string[][] {
  const format = "{{.Config.Hostname}} {{.State.StartedAt}}";
  const ids = `ids=$(docker ps --all --quiet ${filtersOf(stack)}) || exit`;
  return onHosts(hosts, `${ids}; test -z "$ids" || docker inspect --format '${format}' $ids`);
}

function filtersOf(stack: string): string {
  return Object.entries(labelsOf(stack, { role: "simulated-compute" }))
    .map(([label, value]) => `--filter label=${label}=${value}`)
    .join(" ");
}

function onHosts(hosts: Settings["hosts"], script: string): string[][] {
  return [{}, ...hosts.slice(1)].map((engine) => {
    const variables = Object.entries(engineEnvironment(engine)).map((each) => each.join("="));
    return ["env", ...variables, "sh", "-c", script];
  });
}

/**
 * Runs one of these programs.
 * @returns when the containers were started, in milliseconds since 1970, by the computes' names; NaN where it does not say
 * @throws Error, one sentence, where docker does not answer
 */
export async function startsOn(
  [program = "", ...rest]: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const options = { reject: false, stdin: "ignore", cancelSignal: signal } as const;
  const { failed, stdout, stderr } = await execa(program, rest, options);
  if (failed) throw new Error(`docker does not say which computes have a container: ${stderr}`);
  return new Map(
    stdout
      .split("\n")
      .filter(Boolean)
      .map((line) => line.split(" "))
      .map(([host = "", started = ""]) => [host, Date.parse(started)]),
  );
}

/**
 * Names of the computes that have a container on any of the docker hosts.
 * @throws Error, one sentence, where a docker host does not answer
 */
export async function hostsWithContainer(
  programs: readonly string[][],
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const there = await Promise.all(programs.map((program) => startsOn(program, signal)));
  return new Set(there.flatMap((starts) => [...starts.keys()]));
}
