import { existsSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { z } from "zod";
import type { Settings } from "../../config/schema.ts";
import { OpenStackClient } from "../openstack/client.ts";
import type { CloudReference } from "../openstack/session.ts";
import {
  servers,
  serversInMigration,
  type NovaService,
  type Server,
} from "../openstack/compute.ts";
import type { Action } from "../step/action.ts";
import { hostsWithContainer } from "./containers.ts";
import { disable, partition, policyOf, reinstate } from "./departure.ts";
import { indexOf } from "./hosts.ts";

export interface GuardArgs extends CloudReference {
  /** How many computes the stack wants. */
  computes: number;
  scaleDown: Settings["scaleDown"];
  /** What says which computes have a container; see components/compute/containers.ts. */
  listComputes: string[][];
  /** File that exists while this step may have disabled computes that stay after all; see components/upkeep. */
  marker: string;
}

/** What a cancelled guard may take to put computes back to work; Pulumi's plugin ends it after 8 s. */
const UNDO_MS = 6000;

/** How many servers a message names before it only counts. */
const NAMED_SERVERS = 5;

const guarded = z.object({
  /** How many computes were wanted. */
  computes: z.number(),
  /** Names of the computes that will leave: those that nova knows, and those that have a container. */
  leaving: z.array(z.string()),
  /** When there were to be fewer last, or others were found leaving; ISO 8601, empty before that. */
  departure: z.string(),
});

/** What the guard tells. */
export type Guarded = z.output<typeof guarded>;

/**
 * Runs before any compute is stopped. Computes that will leave take no new servers from here on; with the policy
 * `refuse`, one that still has servers makes the whole update fail while everything still runs.
 */
export const guardScaleDown: Action<GuardArgs> = async (args, { previous, report, signal }) => {
  const there = await hostsWithContainer(args.listComputes, signal);
  const beyond = [...there].filter((host) => (indexOf(host) ?? 0) >= args.computes);
  if (args.computes === 0 && !existsSync(args.cloudsYaml)) {
    report("no cloud yet that computes could leave");
    return after(previous, args.computes, beyond);
  }
  const client = await OpenStackClient.connect(args, signal);
  const { staying, leaving } = await partition(client, args.computes);
  await writeFile(args.marker, "", { mode: 0o600 });

  for (const service of staying.filter((each) => policyOf(each) !== undefined)) {
    const back = await reinstate(client, service);
    report(`${service.host} stays after all${back ? "" : ", once it has started again"}`);
  }

  const disabledHere = leaving.filter(({ status }) => status === "enabled");
  const again = leaving.filter((each) => (policyOf(each) ?? args.scaleDown) !== args.scaleDown);
  try {
    await Promise.all(
      [...disabledHere, ...again].map((service) => disable(client, service, args.scaleDown)),
    );
    if (args.scaleDown === "refuse") await refuseOccupied(client, leaving, args.computes);
    if (args.scaleDown === "evacuate") await requireEvacuable(client, leaving, staying);
    if (args.scaleDown === "delete") await refuseMoving(client, leaving, args.computes);
  } catch (error) {
    // Everything runs still, and shall go on taking servers; also when it was this step that was cancelled.
    const undoing = signal.aborted
      ? await OpenStackClient.connect(args, AbortSignal.timeout(UNDO_MS))
      : client;
    await Promise.all(disabledHere.map((service) => reinstate(undoing, service)));
    await rm(args.marker, { force: true });
    throw error;
  }
  await rm(args.marker, { force: true });
  return after(previous, args.computes, [...leaving.map(({ host }) => host), ...beyond]);
};

/**
 * With those that are found leaving again, because an update was cut short, nothing departs anew: the removal that takes them out is
 * under way already, and a second one would only get in its way.
 */
function after(previous: string, computes: number, hosts: string[]): Guarded {
  const before = readPrevious(previous);
  const leaving = [...new Set(hosts)].sort();
  const departs =
    leaving.some((host) => !before.leaving?.includes(host)) || (before.computes ?? 0) > computes;
  return {
    computes,
    leaving,
    departure: departs ? new Date().toISOString() : (before.departure ?? ""),
  };
}

/** What is not the guard's own, or of a version before, counts for nothing: then what is made anew had nothing to take out. */
function readPrevious(previous: string): Partial<Guarded> {
  try {
    return guarded.partial().parse(JSON.parse(previous));
  } catch {
    return {};
  }
}

async function refuseOccupied(
  client: OpenStackClient,
  leaving: NovaService[],
  computes: number,
): Promise<void> {
  const occupied = (await Promise.all(leaving.map(({ host }) => occupants(client, host)))).flat();
  if (occupied.length === 0) return;
  throw new Error(
    `computes can't be lowered to ${computes}: ${occupied.join("; ")}. ` +
      "Nothing was stopped. Delete or migrate these servers, or set scaleDown to evacuate or delete.",
  );
}

/** What nova evacuates; everything else it refuses, when it is too late. */
const EVACUABLE = ["ACTIVE", "SHUTOFF", "ERROR"];

/** Evacuated servers need a compute that stays, and to be in a state that nova evacuates. */
async function requireEvacuable(
  client: OpenStackClient,
  leaving: NovaService[],
  staying: NovaService[],
): Promise<void> {
  const found = await occupancy(client, leaving);
  const all = found.flatMap(({ here }) => here);
  if (all.length === 0 && found.every(({ moving }) => moving.length === 0)) return;
  if (!staying.some(({ status, state }) => status === "enabled" && state === "up")) {
    throw new Error(
      `${all.length} servers can't be evacuated: no compute stays that could take them. ` +
        "Nothing was stopped. Keep at least one compute, or set scaleDown to delete.",
    );
  }
  const stuck = found.flatMap(({ host, here, moving }) => [
    ...here
      .filter(({ id, status }) => !EVACUABLE.includes(status) && !moving.includes(id))
      .map(({ name, status }) => `${name} on ${host} is ${status}`),
    ...(moving.length > 0 ? [`${host} has ${moving.length} in migration`] : []),
  ]);
  if (stuck.length === 0) return;
  throw new Error(
    `servers can't be evacuated: ${nameSome(stuck, "; ")}. Nothing was stopped. nova evacuates servers that are ` +
      `${EVACUABLE.join(", ")}: confirm or finish migrations, resume what is paused or suspended, or set scaleDown to delete.`,
  );
}

/**
 * A server that is not deleted, because it is on a compute that stays, may be on its way from or to one that leaves: nova
 * does not let that one go then, and once it has stopped, the move can't be confirmed any more.
 */
async function refuseMoving(
  client: OpenStackClient,
  leaving: NovaService[],
  computes: number,
): Promise<void> {
  const found = await occupancy(client, leaving);
  const deleted = new Set(found.flatMap(({ here }) => here.map(({ id }) => id)));
  const between = found.flatMap(({ host, moving }) => {
    const count = moving.filter((id) => !deleted.has(id)).length;
    return count > 0 ? [`${host} has ${count} in migration`] : [];
  });
  if (between.length === 0) return;
  throw new Error(
    `computes can't be lowered to ${computes}: ${between.join("; ")}. Nothing was stopped. ` +
      "Confirm, revert or finish these migrations.",
  );
}

/** Servers that are on each of the computes, and ids of those that are on their way from or to it. */
function occupancy(
  client: OpenStackClient,
  leaving: NovaService[],
): Promise<{ host: string; here: Server[]; moving: string[] }[]> {
  return Promise.all(
    leaving.map(async ({ host }) => ({
      host,
      here: await servers(client, host),
      moving: await serversInMigration(client, host),
    })),
  );
}

/** What keeps a compute from leaving, in words; empty if nothing does. */
async function occupants(client: OpenStackClient, host: string): Promise<string[]> {
  const [here, moving] = await Promise.all([
    servers(client, host),
    serversInMigration(client, host),
  ]);
  const coming = moving.filter((id) => here.every((server) => server.id !== id));
  return [
    ...(here.length > 0 ? [describe(host, here)] : []),
    ...(coming.length > 0 ? [`${host} has ${coming.length} in migration`] : []),
  ];
}

function describe(host: string, here: Server[]): string {
  const names = nameSome(
    here.map(({ name }) => name),
    ", ",
  );
  return `${host} has ${here.length} server${here.length === 1 ? "" : "s"} (${names})`;
}

function nameSome(all: string[], separator: string): string {
  const named = all.slice(0, NAMED_SERVERS);
  const more = all.length > named.length ? [`and ${all.length - named.length} more`] : [];
  return [...named, ...more].join(separator);
}
