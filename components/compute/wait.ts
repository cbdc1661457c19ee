import { writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { OpenStackClient } from "../openstack/client.ts";
import type { CloudReference } from "../openstack/session.ts";
import { hypervisors, novaServices } from "../openstack/compute.ts";
import { agents } from "../openstack/network.ts";
import { resourceProviders } from "../openstack/placement.ts";
import type { Action, ActionContext } from "../step/action.ts";
import { startsOn } from "./containers.ts";
import { policyOf, reinstate } from "./departure.ts";
import { hostsOf } from "./hosts.ts";
import { changeMapping } from "./mapping.ts";

export interface WaitForComputesArgs extends CloudReference {
  computes: number;
  /** Seconds between two reports of a compute. */
  reportIntervalSeconds: number;
  /** What says which computes have a container, and since when; see components/compute/containers.ts. */
  inspectComputes: string[][];
  /** Program that has hosts mapped to their cell that the scheduler passes over, with its arguments. */
  mapHosts: string[];
  /** File that says from then on that the stack was deployed as a whole; see components/upkeep. */
  marker: string;
}

export interface ComputesReady {
  registered: number;
  names: string[];
}

/** Milliseconds between two looks, at least, and at least what a look takes: with hundreds of computes it costs the APIs what these need to start. */
const POLL_MS = 1000;

/** Seconds that a report may be late: reports wait for each other where the machine is busy. */
const LATE_SECONDS = 5;

/** Seconds for which a start is held against reports, at most: clocks may be wrong. A compute first reports about ten seconds after it. */
const MOST_START_SECONDS = 120;

/** Seconds after which a report is too old to count: its service has missed two others. */
const missedAfter = (reportIntervalSeconds: number) => 2 * reportIntervalSeconds + LATE_SECONDS;

/** Milliseconds after which a host that the scheduler has not mapped is seen to from here; it looks every second. */
const MAPPING_PATIENCE_MS = 2000;

/** Up to so many hosts, and up to a tenth of all, nova is asked for one by one: the list takes it 5 ms for each that there is. */
const ONE_BY_ONE = 10;

/** How many names a message holds before it only counts. */
const NAMED_HOSTS = 10;

/**
 * Waits until each compute takes servers: service up, mapped to its cell, with resources to offer and a networking agent
 * that is alive. Nova counts one as up for as long as `downTimeSeconds` after its last report; here, one that missed two
 * of them is not: when the message bus was restarted, a report that was under way then holds up all others for three minutes, nova.conf's `rpc_response_timeout`.
 * One that has not reported since its container was started is not either: what it said before was said by another.
 */
export const waitForComputes: Action<WaitForComputesArgs> = async (args, context) => {
  const wanted = hostsOf(args.computes);
  const result = async (registered: number): Promise<ComputesReady> => {
    await writeFile(args.marker, "", { mode: 0o600 });
    return { registered, names: wanted };
  };
  if (wanted.length === 0) return await result(0);
  const client = await OpenStackClient.connect(args, context.signal);
  const starts = await startsOf(args, context);
  // From then on, a report of before a start is too old by itself, next to the newest of others, which may be one interval
  // old. The clock of a docker host or of the cloud may be wrong: it is not to be waited for any longer.
  const { reportIntervalSeconds } = args;
  const outdatedAfter = missedAfter(reportIntervalSeconds) + reportIntervalSeconds;
  const outdated = Date.now() + Math.min(outdatedAfter, MOST_START_SECONDS) * 1000;
  let missing = wanted;
  let reported = -1;
  let patience = Date.now() + MAPPING_PATIENCE_MS;
  const mapped = new Set<string>();
  try {
    for (;;) {
      const began = Date.now();
      const since = began < outdated ? starts : undefined;
      const { ready, unmapped, down } = await look(client, args, since, mapped).catch(
        (error: unknown) => {
          context.signal.throwIfAborted();
          // A busy control plane may fail one look; the time limit is what decides.
          context.report(error instanceof Error ? error.message : String(error));
          return { ready: new Set<string>(), unmapped: [], down: new Set<string>() };
        },
      );
      if (unmapped.length === 0) patience = Date.now() + MAPPING_PATIENCE_MS;
      if (Date.now() > patience) {
        // A compute that was removed before comes back as the same record, which nova counts as mapped still.
        await changeMapping(args.mapHosts, context);
        patience = Date.now() + MAPPING_PATIENCE_MS;
      }
      const held = wanted.filter((host) => down.has(host));
      missing = wanted.filter((host) => !ready.has(host) && !down.has(host));
      const up = wanted.length - missing.length - held.length;
      // Fewer once more is asked of them, or where one ends and starts again: it is the last ones that are waited for.
      if (up > reported) context.report(`${up} of ${wanted.length} computes up`);
      reported = Math.max(up, reported);
      if (missing.length === 0) {
        if (held.length > 0) {
          context.report(
            `not waited for, because an operator has forced them down: ${nameSome(held)}`,
          );
        }
        return await result(up);
      }
      const apart = Math.max(POLL_MS, Date.now() - began);
      await sleep(apart, undefined, { signal: context.signal });
    }
  } catch (error) {
    if (!context.signal.aborted) throw error;
    context.report(`still missing: ${nameSome(missing)}; see \`docker logs\` of their containers`);
    throw error;
  }
};

/** When the computes' containers were started; those of whom docker says so. */
async function startsOf(
  { inspectComputes }: WaitForComputesArgs,
  { report, signal }: ActionContext,
): Promise<ReadonlyMap<string, number>> {
  const said = await Promise.all(
    inspectComputes.map((program) =>
      startsOn(program, signal).catch((error: unknown) => {
        report(error instanceof Error ? error.message : String(error));
        return new Map<string, number>();
      }),
    ),
  );
  return new Map(said.flatMap((starts) => [...starts]));
}

/**
 * Hosts that take servers, those that run but are not mapped to their cell, and those that an operator holds down. For as
 * long as services are missing, the first are those whose service is up: what else is asked costs the control plane several
 * times as much, and starting computes need it.
 * @param mapped hosts that were mapped at the look before; gets those that are by now
 */
async function look(
  client: OpenStackClient,
  { computes, reportIntervalSeconds }: WaitForComputesArgs,
  starts: ReadonlyMap<string, number> | undefined,
  mapped: Set<string>,
): Promise<{ ready: Set<string>; unmapped: string[]; down: Set<string> }> {
  const all = await novaServices(client);
  const services = all.filter(({ binary }) => binary === "nova-compute");
  // By the cloud's own clock: that of another machine may be wrong.
  const newest = Math.max(...all.map(({ updated_at }) => reportedAt(updated_at)));
  const oldest = newest - missedAfter(reportIntervalSeconds) * 1000;
  const reports = services.filter(
    ({ host, updated_at }) =>
      updated_at === null ||
      reportedAt(updated_at) >= Math.max(oldest, starts?.get(host) ?? oldest),
  );
  const up = hostsIn(reports.filter(({ state }) => state === "up"));
  const forced = services.filter(({ forced_down }) => forced_down);
  // Those that were on their way out and stay after all: the guard could not put them back before they had started.
  for (const service of forced.filter((each) => policyOf(each) !== undefined)) {
    await reinstate(client, service);
  }
  const down = hostsIn(forced.filter((each) => policyOf(each) === undefined));
  const starting = hostsOf(computes).some((host) => !up.has(host) && !down.has(host));
  if (starting) return { ready: up, unmapped: [], down };
  const [found, networking, providers] = await Promise.all([
    mappedOf(client, up.difference(mapped), computes),
    agents(client),
    resourceProviders(client),
  ]);
  for (const { host } of found) mapped.add(host);
  // A provider's generation grows when it gets its inventory; before, the scheduler finds nothing on it.
  const offering = providers.filter(({ generation }) => generation > 0);
  const ready = up
    .intersection(mapped)
    .intersection(hostsIn(networking.filter(({ alive }) => alive)))
    .intersection(new Set(offering.map(({ name }) => name)));
  return { ready, unmapped: [...up.difference(mapped)], down };
}

const hostsIn = (entries: { host: string }[]) => new Set(entries.map(({ host }) => host));

/** Those of the hosts that are mapped to their cell, and maybe others that are. */
async function mappedOf(
  client: OpenStackClient,
  hosts: ReadonlySet<string>,
  computes: number,
): Promise<{ host: string }[]> {
  if (hosts.size > Math.min(ONE_BY_ONE, computes / 10)) return await hypervisors(client);
  return (await Promise.all([...hosts].map((host) => hypervisors(client, host)))).flat();
}

/** Milliseconds since 1970 in UTC, as nova writes times; 0 before the first report. */
function reportedAt(updatedAt: string | null): number {
  return updatedAt === null ? 0 : Date.parse(`${updatedAt}Z`);
}

function nameSome(hosts: string[]): string {
  const more = hosts.length > NAMED_HOSTS ? ` and ${hosts.length - NAMED_HOSTS} more` : "";
  return `${hosts.slice(0, NAMED_HOSTS).join(", ")}${more}`;
}
