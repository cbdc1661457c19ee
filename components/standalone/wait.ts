import { setTimeout as sleep } from "node:timers/promises";
import type { Action } from "../step/action.ts";
import { novaServices } from "../openstack/compute.ts";
import { ApiError, OpenStackClient, type CloudReference } from "../openstack/client.ts";

export interface WaitForApisArgs extends CloudReference {
  /** API name to URL. */
  endpoints: Record<string, string>;
}

/** Services of nova that have no API of their own; nova lists them once they have reported. */
const REPORTING = ["nova-scheduler", "nova-conductor"];

const POLL_MS = 300;

/** Waits until every API answers and nova's own services have reported. */
export const waitForApis: Action<WaitForApisArgs> = async (
  { endpoints, cloudsYaml, cloud },
  { report, signal },
) => {
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
        if (await answers(url, signal)) pending.delete(name);
      }),
    );
    if (pending.size < before) progress([...pending.keys(), ...REPORTING]);
    if (pending.size > 0) await sleep(POLL_MS, undefined, { signal });
  }
  let client: OpenStackClient | undefined;
  for (;;) {
    try {
      client ??= await OpenStackClient.connect({ cloudsYaml, cloud }, signal);
      const up = new Set(
        (await novaServices(client)).filter(({ state }) => state === "up").map((s) => s.binary),
      );
      if (REPORTING.every((binary) => up.has(binary))) return { services: total };
    } catch (error) {
      // Who answers may still fail while what it rests on starts; the time limit is what decides.
      if (!(error instanceof ApiError && error.status >= 500)) throw error;
      report(error.message);
    }
    await sleep(POLL_MS, undefined, { signal });
  }
};

async function answers(url: string, signal: AbortSignal): Promise<boolean> {
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(5000)]);
    return (await fetch(url, { signal: limit })).status < 500;
  } catch {
    signal.throwIfAborted();
    return false;
  }
}
