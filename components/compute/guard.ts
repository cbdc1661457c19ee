import type { Settings } from "../../config/schema.ts";
import { OpenStackClient, type CloudReference } from "../openstack/client.ts";
import {
  servers,
  serversInMigration,
  type NovaService,
  type Server,
} from "../openstack/compute.ts";
import type { Action } from "../step/action.ts";
import { disable, partition, policyOf, reinstate } from "./departure.ts";

export interface GuardArgs extends CloudReference {
  /** How many computes the stack wants. */
  computes: number;
  scaleDown: Settings["scaleDown"];
}

/** What a cancelled guard may take to put computes back to work; Pulumi's plugin ends it after 8 s. */
const UNDO_MS = 6000;

/** How many servers a message names before it only counts. */
const NAMED_SERVERS = 5;

/**
 * Runs before any compute is stopped. Computes that will leave take no new servers from here on; with the policy
 * `refuse`, one that still has servers makes the whole update fail while everything still runs.
 */
export const guardScaleDown: Action<GuardArgs> = async (args, { report, signal }) => {
  const client = await OpenStackClient.connect(args, signal);
  const { staying, leaving } = await partition(client, args.computes);

  for (const service of staying.filter((each) => policyOf(each) !== undefined)) {
    report(`${service.host} stays after all`);
    await reinstate(client, service);
  }

  const disabledHere = leaving.filter(({ status }) => status === "enabled");
  const again = leaving.filter((each) => (policyOf(each) ?? args.scaleDown) !== args.scaleDown);
  try {
    await Promise.all(
      [...disabledHere, ...again].map((service) => disable(client, service, args.scaleDown)),
    );
    if (args.scaleDown === "refuse") await refuseOccupied(client, leaving, args.computes);
    if (args.scaleDown === "evacuate") await requireTarget(client, leaving, staying);
  } catch (error) {
    // Everything runs still, and shall go on taking servers; also when it was this step that was cancelled.
    const undoing = signal.aborted
      ? await OpenStackClient.connect(args, AbortSignal.timeout(UNDO_MS))
      : client;
    await Promise.all(disabledHere.map((service) => reinstate(undoing, service)));
    throw error;
  }
  return { leaving: leaving.map(({ host }) => host) };
};

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

/** Evacuated servers need a compute that stays. */
async function requireTarget(
  client: OpenStackClient,
  leaving: NovaService[],
  staying: NovaService[],
): Promise<void> {
  if (staying.some(({ status, state }) => status === "enabled" && state === "up")) return;
  const here = await Promise.all(leaving.map(({ host }) => servers(client, host)));
  if (here.flat().length === 0) return;
  throw new Error(
    `${here.flat().length} servers can't be evacuated: no compute stays that could take them. ` +
      "Nothing was stopped. Keep at least one compute, or set scaleDown to delete.",
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
  const names = here.slice(0, NAMED_SERVERS).map(({ name }) => name);
  const more = here.length > names.length ? `, and ${here.length - names.length} more` : "";
  return `${host} has ${here.length} server${here.length === 1 ? "" : "s"} (${names.join(", ")}${more})`;
}
