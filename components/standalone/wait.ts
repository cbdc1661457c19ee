import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import type { Action, ActionContext } from "../step/action.ts";
import { novaServices } from "../openstack/compute.ts";
import { OpenStackClient } from "../openstack/client.ts";
import { readCloud, type CloudReference } from "../openstack/session.ts";
import { send } from "../openstack/http.ts";
import { REPORTING } from "./services.ts";

export interface WaitForApisArgs extends CloudReference {
  /** API name to URL. */
  endpoints: Record<string, string>;
  /**
   * Program, with its arguments, that prints a line for each service that others rest on: name, health in docker's
   * words, and when it was started (ISO 8601).
   */
  inspectGates: string[];
  /** The same for services that report: name, and when it was started. Left out where none can be started alone. */
  inspectReporting?: string[];
}

const POLL_MS = 300;

/** How often docker may start a service that never gets healthy before it counts as one that can't: about half a minute. */
const MOST_STARTS = 6;

/**
 * Milliseconds for which docker may call a service unhealthy on end, which it does from a minute after a start on. One whose disk
 * is full runs and does nothing but wait.
 */
const UNHEALTHY_MS = 30_000;

/**
 * Waits until what others rest on is healthy, every API answers, and nova's own services have reported since, and since
 * they were started themselves. A report from before a restart, of the message bus or of who reports, would say nothing:
 * nova takes a service for up for a minute after it.
 */
export const waitForApis: Action<WaitForApisArgs> = async (
  { endpoints, cloudsYaml, cloud, inspectGates, inspectReporting },
  { report, signal },
) => {
  const since = await gatesHealthy(inspectGates, report, signal);
  const starts = new Map(
    (inspectReporting ? await look(inspectReporting, signal) : []).map(
      ([name = "", started = ""]) => [name, Math.max(since, Date.parse(started))],
    ),
  );
  const { authority } = await readCloud({ cloudsYaml, cloud });
  const pending = new Map(Object.entries(endpoints));
  const total = pending.size + REPORTING.length;
  const progress = (names: string[]) =>
    report(`${total - names.length} of ${total} services up; waiting for ${names.join(", ")}`);
  progress([...pending.keys(), ...REPORTING]);
  while (pending.size > 0) {
    signal.throwIfAborted();
    const before = pending.size;
    await Promise.all(
      [...pending].map(async ([name, url]) => {
        if (await answers(url, signal, authority)) pending.delete(name);
      }),
    );
    if (pending.size < before) progress([...pending.keys(), ...REPORTING]);
    if (pending.size > 0) await sleep(POLL_MS, undefined, { signal });
  }
  let client: OpenStackClient | undefined;
  let failure = "";
  for (;;) {
    try {
      client ??= await OpenStackClient.connect({ cloudsYaml, cloud }, signal);
      const up = new Set(
        (await novaServices(client))
          .filter(({ state }) => state === "up")
          .filter(({ binary, updated_at }) =>
            reportedSince(updated_at, starts.get(binary) ?? since),
          )
          .map(({ binary }) => binary),
      );
      if (REPORTING.every((binary) => up.has(binary))) return { services: total };
    } catch (error) {
      signal.throwIfAborted();
      // Who answers may still fail, refuse or keep silent while what it rests on starts; the time limit is what decides.
      const message = error instanceof Error ? error.message : String(error);
      if (message !== failure) report(message);
      failure = message;
    }
    await sleep(POLL_MS, undefined, { signal });
  }
};

/**
 * Waits for the services that others rest on; answers when the last of them was started.
 * @param patienceMs for how long one may be unhealthy on end
 * @throws Error, one sentence, when one of them ends again and again, or runs and stays unhealthy, on a full disk for instance
 */
export async function gatesHealthy(
  inspectGates: string[],
  report: ActionContext["report"],
  signal: AbortSignal,
  patienceMs = UNHEALTHY_MS,
): Promise<number> {
  let reported = "";
  const starts = new Map<string, Set<string>>();
  const unhealthySince = new Map<string, number>();
  for (;;) {
    const gates = await look(inspectGates, signal);
    const unhealthy = gates.filter(([, health]) => health !== "healthy");
    const waiting = unhealthy.map(([name, health]) => `${name} (${health})`).join(", ");
    if (waiting === "")
      return Math.max(0, ...gates.map(([, , started = ""]) => Date.parse(started)));
    for (const [name = "", health] of gates) {
      if (health !== "unhealthy") unhealthySince.delete(name);
      else if (!unhealthySince.has(name)) unhealthySince.set(name, Date.now());
      const since = unhealthySince.get(name) ?? Date.now();
      if (Date.now() - since > patienceMs) {
        throw new Error(
          `${name} runs and does not get healthy: \`docker logs --tail 20 ${name}\` says why`,
        );
      }
    }
    for (const [name = "", , started = ""] of unhealthy) {
      const seen = (starts.get(name) ?? new Set()).add(started);
      starts.set(name, seen);
      if (seen.size >= MOST_STARTS) {
        throw new Error(
          `${name} was started ${seen.size} times and does not get healthy: \`docker logs --tail 20 ${name}\` says why`,
        );
      }
    }
    if (waiting !== reported) report(`waiting for ${waiting}`);
    reported = waiting;
    await sleep(POLL_MS, undefined, { signal });
  }
}

/** The words of each line that a program prints. */
async function look([program = "", ...rest]: string[], signal: AbortSignal): Promise<string[][]> {
  const { stdout } = await execa(program, rest, { stdin: "ignore", cancelSignal: signal });
  return stdout
    .split("\n")
    .filter(Boolean)
    .map((line) => line.split(" "));
}

function reportedSince(updatedAt: string | null, since: number): boolean {
  return updatedAt !== null && Date.parse(`${updatedAt}Z`) > since;
}

async function answers(
  url: string,
  signal: AbortSignal,
  authority: string | undefined,
): Promise<boolean> {
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(5000)]);
    return (await send(url, { signal: limit }, authority)).status < 500;
  } catch {
    signal.throwIfAborted();
    return false;
  }
}
