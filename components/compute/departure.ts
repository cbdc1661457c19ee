import type { Settings } from "../../config/schema.ts";
import { novaServices, type NovaService } from "../openstack/compute.ts";
import type { OpenStackClient } from "../openstack/client.ts";
import { ApiError } from "../openstack/request.ts";
import { indexOf } from "./hosts.ts";

/** Why a compute's service is disabled while it is on its way out; an operator's own reasons are left alone. */
const LEAVING_REASON = "removed from the stack's configuration, scaleDown ";

/**
 * The reason holds the policy that the guard ran with: a compute's removal runs from Pulumi's state, which knows only
 * the policy of the last update.
 */
export function leavingReason(policy: Settings["scaleDown"]): string {
  return `${LEAVING_REASON}${policy}`;
}

/** The policy a leaving service is removed with; undefined for services that are not leaving. */
export function policyOf({ disabled_reason }: NovaService): Settings["scaleDown"] | undefined {
  return (["refuse", "evacuate", "delete"] as const).find(
    (policy) => disabled_reason === leavingReason(policy),
  );
}

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
export async function disable(
  client: OpenStackClient,
  service: NovaService,
  policy: Settings["scaleDown"],
): Promise<void> {
  await client.put("compute", `/os-services/${service.id}`, {
    status: "disabled",
    disabled_reason: leavingReason(policy),
  });
}

/**
 * Puts a service that was on its way out back to work.
 * @returns false where that is not possible yet: nova keeps a service down whose servers were evacuated until it has
 * started again and cleared what is left of them
 */
export async function reinstate(client: OpenStackClient, service: NovaService): Promise<boolean> {
  if (service.forced_down) {
    try {
      await client.put("compute", `/os-services/${service.id}`, { forced_down: false });
    } catch (error) {
      if (error instanceof ApiError && error.status === 400) return false;
      throw error;
    }
  }
  await client.put("compute", `/os-services/${service.id}`, { status: "enabled" });
  return true;
}
