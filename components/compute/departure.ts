import { novaServices, type NovaService } from "../openstack/compute.ts";
import type { OpenStackClient } from "../openstack/client.ts";
import { indexOf } from "./plan.ts";

/** Why a compute's service is disabled while it is on its way out; an operator's own reasons are left alone. */
export const LEAVING_REASON = "removed from the stack's configuration";

/** nova-compute services of simulated computes, by whether the wanted count keeps them. */
export async function partition(
  client: OpenStackClient,
  computes: number,
): Promise<{ staying: NovaService[]; leaving: NovaService[] }> {
  const simulated = (await novaServices(client, { binary: "nova-compute" })).filter(
    ({ host }) => indexOf(host) !== undefined,
  );
  const stays = ({ host }: NovaService) => (indexOf(host) ?? 0) < computes;
  return {
    staying: simulated.filter(stays),
    leaving: simulated.filter((service) => !stays(service)),
  };
}

/** Takes the service out of scheduling; nothing new lands on it. */
export async function disable(client: OpenStackClient, service: NovaService): Promise<void> {
  await client.put("compute", `/os-services/${service.id}`, {
    status: "disabled",
    disabled_reason: LEAVING_REASON,
  });
}

/** Puts a service that was on its way out back to work. */
export async function reinstate(client: OpenStackClient, service: NovaService): Promise<void> {
  if (service.forced_down) {
    await client.put("compute", `/os-services/${service.id}`, { forced_down: false });
  }
  await client.put("compute", `/os-services/${service.id}`, { status: "enabled" });
}
