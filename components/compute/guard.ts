import type { Settings } from "../../config/schema.ts";
import { OpenStackClient, type CloudReference } from "../openstack/client.ts";
import { servers, serversInMigration, type Server } from "../openstack/compute.ts";
import type { Action } from "../step/action.ts";
import { disable, LEAVING_REASON, partition, reinstate } from "./departure.ts";

export interface GuardArgs extends CloudReference {
  /** How many computes the stack wants. */
  computes: number;
  scaleDown: Settings["scaleDown"];
}

/** How many servers a message names before it only counts. */
const NAMED_SERVERS = 5;

/**
 * Runs before any compute is stopped. Computes that will leave take no new servers from here on; with the policy
 * `refuse`, one that still has servers makes the whole update fail while everything still runs.
 */
export const guardScaleDown: Action<GuardArgs> = async (args, { report, signal }) => {
  const client = await OpenStackClient.connect(args, signal);
  const { staying, leaving } = await partition(client, args.computes);

  for (const service of staying.filter((s) => s.disabled_reason === LEAVING_REASON)) {
    report(`${service.host} stays after all`);
    await reinstate(client, service);
  }

  const disabledHere = leaving.filter(({ status }) => status === "enabled");
  await Promise.all(disabledHere.map((service) => disable(client, service)));
  if (args.scaleDown !== "refuse") return { leaving: leaving.map(({ host }) => host) };

  const occupied: string[] = [];
  for (const { host } of leaving) {
    const here = await servers(client, host);
    const moving = await serversInMigration(client, host);
    const coming = moving.filter((id) => here.every((server) => server.id !== id));
    if (here.length > 0) occupied.push(describe(host, here));
    if (coming.length > 0) occupied.push(`${host} has ${coming.length} in migration`);
  }
  if (occupied.length > 0) {
    await Promise.all(disabledHere.map((service) => reinstate(client, service)));
    throw new Error(
      `computes can't be lowered to ${args.computes}: ${occupied.join("; ")}. ` +
        "Nothing was stopped. Delete or migrate these servers, or set scaleDown to evacuate or delete.",
    );
  }
  return { leaving: leaving.map(({ host }) => host) };
};

function describe(host: string, here: Server[]): string {
  const names = here.slice(0, NAMED_SERVERS).map(({ name }) => name);
  const more = here.length > names.length ? `, and ${here.length - names.length} more` : "";
  return `${host} has ${here.length} server${here.length === 1 ? "" : "s"} (${names.join(", ")}${more})`;
}
