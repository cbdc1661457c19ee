import { setTimeout as sleep } from "node:timers/promises";
import type { Settings } from "../../config/schema.ts";
import { OpenStackClient } from "../openstack/client.ts";
import { ApiError, UnreachableError } from "../openstack/request.ts";
import type { CloudReference } from "../openstack/session.ts";
import { novaServices, servers, type Server } from "../openstack/compute.ts";
import { agents } from "../openstack/network.ts";
import { removeProvider, resourceProviders } from "../openstack/placement.ts";
import type { Action, ActionContext } from "../step/action.ts";
import { disable, policyOf } from "./departure.ts";

export interface DeregisterArgs extends CloudReference {
  host: string;
}

/**
 * Takes a compute whose container has stopped out of nova, neutron and placement. What is gone already counts as
 * done, and so does a control plane that is gone: there is nothing left to take it out of.
 */
export const deregister: Action<DeregisterArgs> = async (args, context) => {
  let client: OpenStackClient;
  try {
    client = await OpenStackClient.connect(args, context.signal);
  } catch (error) {
    if (error instanceof UnreachableError || isMissingFile(error)) {
      context.report(`${args.host}: no control plane to be taken out of`);
      return { removed: false };
    }
    throw error;
  }
  for (const service of await novaServices(client, { host: args.host, binary: "nova-compute" })) {
    // nova waits a minute before it believes that a service is down; the container is known to have stopped.
    await client.put("compute", `/os-services/${service.id}`, { forced_down: true });
    // Whoever removes the compute past the guard, with --target for instance, gets the careful policy.
    const policy = policyOf(service) ?? "refuse";
    await disable(client, service, policy);
    await clearServers(client, args.host, policy, context);
    await deleteService(client, service.id, context.signal);
  }
  for (const agent of await agents(client, args.host)) {
    await client.delete("network", `/v2.0/agents/${agent.id}`);
  }
  for (const provider of await resourceProviders(client, args.host)) {
    await removeProvider(client, provider.uuid);
  }
  return { removed: true };
};

async function clearServers(
  client: OpenStackClient,
  host: string,
  scaleDown: Settings["scaleDown"],
  { report, signal }: ActionContext,
): Promise<void> {
  const here = await servers(client, host);
  if (here.length === 0) return;
  if (scaleDown === "refuse") {
    throw new Error(
      `${host} has servers although it was empty before it stopped (${here.map(({ name }) => name).join(", ")}); run \`pulumi up\` with the old number of computes, move them, and lower it again`,
    );
  }
  const verb = scaleDown === "delete" ? "deleting" : "evacuating";
  report(`${host}: ${verb} ${here.length} servers`);
  for (const server of here) {
    if (scaleDown === "delete") await client.delete("compute", `/servers/${server.id}`);
    else await evacuate(client, server);
  }
  for (;;) {
    const left = await servers(client, host);
    if (left.length === 0) break;
    if (scaleDown === "evacuate") refuseFailed(host, left);
    await sleep(1000, undefined, { signal });
  }
  if (scaleDown === "evacuate") await waitForRebuild(client, host, here, signal);
}

async function evacuate(client: OpenStackClient, server: Server): Promise<void> {
  // A second run finds some on their way already.
  if (server.taskState?.startsWith("rebuild")) return;
  await client.post("compute", `/servers/${server.id}/action`, { evacuate: {} });
}

/** An evacuated server changes its host before it is built there; only then is the old host's record dispensable. */
async function waitForRebuild(
  client: OpenStackClient,
  host: string,
  moved: Server[],
  signal: AbortSignal,
): Promise<void> {
  const ids = new Set(moved.map(({ id }) => id));
  for (;;) {
    const now = (await servers(client)).filter(({ id }) => ids.has(id));
    if (now.every(({ taskState }) => taskState === null)) return refuseFailed(host, now);
    await sleep(1000, undefined, { signal });
  }
}

function refuseFailed(host: string, moved: Server[]): void {
  const failed = moved.filter(({ status, taskState }) => status === "ERROR" && taskState === null);
  if (failed.length === 0) return;
  throw new Error(
    `${host}: evacuation failed for ${failed.map(({ name }) => name).join(", ")}; see \`openstack server show\` for the reason, then run \`pulumi up\` again`,
  );
}

/** nova refuses while it still counts a server or a migration on the host, which can be a moment after the last one went. */
async function deleteService(
  client: OpenStackClient,
  id: string,
  signal: AbortSignal,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await client.delete("compute", `/os-services/${id}`);
      return;
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 409 && attempt < 20)) throw error;
      await sleep(1000, undefined, { signal });
    }
  }
}

function isMissingFile(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
