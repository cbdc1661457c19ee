import { setTimeout as sleep } from "node:timers/promises";
import type { Networking } from "../../config/schema.ts";
import { OpenStackClient, type CloudReference } from "../openstack/client.ts";
import { hypervisors, novaServices } from "../openstack/compute.ts";
import { agents } from "../openstack/network.ts";
import type { Action } from "../step/action.ts";
import { hostOf } from "./plan.ts";

export interface WaitForComputesArgs extends CloudReference {
  computes: number;
  networking: Networking;
}

export interface ComputesReady {
  registered: number;
  names: string[];
}

const POLL_MS = 1000;

/** How many names a message holds before it only counts. */
const NAMED_HOSTS = 10;

/** Waits until each compute takes servers: service up, mapped to its cell, networking agent alive. */
export const waitForComputes: Action<WaitForComputesArgs> = async (args, context) => {
  const wanted = Array.from({ length: args.computes }, (_, index) => hostOf(index));
  const result = (): ComputesReady => ({ registered: wanted.length, names: wanted });
  if (wanted.length === 0) return result();
  const client = await OpenStackClient.connect(args, context.signal);
  let missing = wanted;
  let reported = -1;
  try {
    for (;;) {
      const ready = await readyHosts(client).catch((error: unknown) => {
        context.signal.throwIfAborted();
        // A busy control plane may fail one look; the time limit is what decides.
        context.report(error instanceof Error ? error.message : String(error));
        return new Set<string>();
      });
      missing = wanted.filter((host) => !ready.has(host));
      const up = wanted.length - missing.length;
      if (up !== reported) context.report(`${up} of ${wanted.length} computes up`);
      reported = up;
      if (missing.length === 0) return result();
      await sleep(POLL_MS, undefined, { signal: context.signal });
    }
  } catch (error) {
    if (!context.signal.aborted) throw error;
    context.report(`still missing: ${nameSome(missing)}; see \`docker logs\` of their containers`);
    throw error;
  }
};

async function readyHosts(client: OpenStackClient): Promise<Set<string>> {
  const [services, mapped, networking] = await Promise.all([
    novaServices(client, { binary: "nova-compute" }),
    hypervisors(client),
    agents(client),
  ]);
  const hosts = (entries: { host: string }[]) => new Set(entries.map(({ host }) => host));
  return hosts(services.filter(({ state }) => state === "up"))
    .intersection(hosts(mapped))
    .intersection(hosts(networking.filter(({ alive }) => alive)));
}

function nameSome(hosts: string[]): string {
  const more = hosts.length > NAMED_HOSTS ? ` and ${hosts.length - NAMED_HOSTS} more` : "";
  return `${hosts.slice(0, NAMED_HOSTS).join(", ")}${more}`;
}
