import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { OpenStackClient, type CloudReference } from "../openstack/client.ts";
import { hypervisors, novaServices } from "../openstack/compute.ts";
import { agents } from "../openstack/network.ts";
import { resourceProviders } from "../openstack/placement.ts";
import type { Action, ActionContext } from "../step/action.ts";
import { hostOf } from "./hosts.ts";

export interface WaitForComputesArgs extends CloudReference {
  computes: number;
  /** Program that maps hosts to their cell by their services, with its arguments. */
  mapHosts: string[];
}

export interface ComputesReady {
  registered: number;
  names: string[];
}

const POLL_MS = 1000;

/** Milliseconds after which a host that the scheduler has not mapped is mapped from here; it looks every 2 s. */
const MAPPING_PATIENCE_MS = 8000;

/** How many names a message holds before it only counts. */
const NAMED_HOSTS = 10;

/** Waits until each compute takes servers: service up, mapped to its cell, with resources to
 * offer and a networking agent that is alive. */
export const waitForComputes: Action<WaitForComputesArgs> = async (args, context) => {
  const wanted = Array.from({ length: args.computes }, (_, index) => hostOf(index));
  const result = (): ComputesReady => ({ registered: wanted.length, names: wanted });
  if (wanted.length === 0) return result();
  const client = await OpenStackClient.connect(args, context.signal);
  let missing = wanted;
  let reported = -1;
  let patience = Date.now() + MAPPING_PATIENCE_MS;
  try {
    for (;;) {
      const { ready, unmapped } = await look(client).catch((error: unknown) => {
        context.signal.throwIfAborted();
        // A busy control plane may fail one look; the time limit is what decides.
        context.report(error instanceof Error ? error.message : String(error));
        return { ready: new Set<string>(), unmapped: [] };
      });
      if (unmapped.length === 0) patience = Date.now() + MAPPING_PATIENCE_MS;
      if (Date.now() > patience) {
        // A compute that was removed before comes back as the same record, which nova counts as mapped still.
        await mapHosts(args.mapHosts, context);
        patience = Date.now() + MAPPING_PATIENCE_MS;
      }
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

async function mapHosts(argv: string[], { report, signal }: ActionContext): Promise<void> {
  const [program = "", ...rest] = argv;
  const { failed, all } = await execa(program, rest, {
    all: true,
    reject: false,
    stdin: "ignore",
    cancelSignal: signal,
  });
  if (failed) report(`hosts could not be mapped to their cell: ${all.split("\n").at(-1)}`);
}

/** Hosts that take servers, and those that run but are not mapped to their cell. */
async function look(client: OpenStackClient): Promise<{ ready: Set<string>; unmapped: string[] }> {
  const [services, mapped, networking, providers] = await Promise.all([
    novaServices(client, { binary: "nova-compute" }),
    hypervisors(client),
    agents(client),
    resourceProviders(client),
  ]);
  // A provider's generation grows when it gets its inventory; before, the scheduler finds nothing on it.
  const offering = providers.filter(({ generation }) => generation > 0);
  const hosts = (entries: { host: string }[]) => new Set(entries.map(({ host }) => host));
  const up = hosts(services.filter(({ state }) => state === "up"));
  const ready = up
    .intersection(hosts(mapped))
    .intersection(hosts(networking.filter(({ alive }) => alive)))
    .intersection(new Set(offering.map(({ name }) => name)));
  return { ready, unmapped: [...up.difference(hosts(mapped))] };
}

function nameSome(hosts: string[]): string {
  const more = hosts.length > NAMED_HOSTS ? ` and ${hosts.length - NAMED_HOSTS} more` : "";
  return `${hosts.slice(0, NAMED_HOSTS).join(", ")}${more}`;
}
