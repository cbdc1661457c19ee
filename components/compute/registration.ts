import { setTimeout as sleep } from "node:timers/promises";
import type { Settings } from "../../config/schema.ts";
import { OpenStackClient } from "../openstack/client.ts";
import { ApiError, UnreachableError } from "../openstack/request.ts";
import type { CloudReference } from "../openstack/session.ts";
import { novaServices, servers, type NovaService, type Server } from "../openstack/compute.ts";
import { agents, type Agent } from "../openstack/network.ts";
import { removeProvider, resourceProviders } from "../openstack/placement.ts";
import type { Action, ActionContext } from "../step/action.ts";
import { hostsWithContainer } from "./containers.ts";
import { disable, policyOf } from "./departure.ts";
import { hostsOf } from "./hosts.ts";
import { changeMapping } from "./mapping.ts";

export interface DeregisterArgs extends CloudReference {
  /** How many computes there were. */
  computes: number;
  /** What says which of them have a container; see components/compute/containers.ts. */
  inspectComputes: string[][];
  /** Program that has them mapped like new ones should they come back, with its arguments. */
  unmapHosts?: string[];
}

/** How many computes are taken out at a time. */
const AT_ONCE = 8;

/** What a cloud has of a compute. */
interface Traces {
  host: string;
  services: NovaService[];
  agents: Agent[];
}

/**
 * Takes the computes that have no container any more out of nova, neutron and placement. What is gone already counts as done, and so
 * does a control plane that is gone: there is nothing left to take them out of. One that can't be taken out keeps no other.
 */
export const deregister: Action<DeregisterArgs> = async (args, context) => {
  const there = await hostsWithContainer(args.inspectComputes, context.signal);
  const gone = hostsOf(args.computes).filter((host) => !there.has(host));
  if (gone.length === 0) return { removed: [] };
  let client: OpenStackClient;
  try {
    client = await OpenStackClient.connect(args, context.signal);
  } catch (error) {
    if (error instanceof UnreachableError || isMissingFile(error)) {
      context.report("no control plane for computes to be taken out of");
      return { removed: [] };
    }
    throw error;
  }
  const leaving = await tracesOf(client, gone);
  const failures: string[] = [];
  const out = new Set<string>();
  const settle = async (work: Promise<void>[]) => {
    const outcomes = await Promise.allSettled(work);
    context.signal.throwIfAborted();
    failures.push(...reasonsOf(outcomes));
  };
  for (let begin = 0; begin < leaving.length; begin += AT_ONCE) {
    const some = leaving.slice(begin, begin + AT_ONCE);
    await settle(
      some.map(async (each) => {
        await remove(client, each, context);
        out.add(each.host);
      }),
    );
    context.report(`${out.size} of ${leaving.length} computes taken out`);
  }
  // nova has removed them with the services, unless that failed.
  const left = (await resourceProviders(client)).filter(({ name }) => out.has(name));
  await settle([
    ...left.map(({ uuid }) => removeProvider(client, uuid)),
    ...(args.unmapHosts && out.size > 0 ? [changeMapping(args.unmapHosts, context)] : []),
  ]);
  if (failures.length > 0) throw new Error(failures.join("; "));
  return { removed: leaving.map(({ host }) => host) };
};

function reasonsOf(outcomes: PromiseSettledResult<unknown>[]): string[] {
  const failed = outcomes.filter((outcome) => outcome.status === "rejected");
  return failed.map(({ reason }) => (reason instanceof Error ? reason.message : String(reason)));
}

/** Those of the hosts that the cloud knows something of. */
async function tracesOf(client: OpenStackClient, hosts: string[]): Promise<Traces[]> {
  const [services, networking, providers] = await Promise.all([
    novaServices(client, { binary: "nova-compute" }),
    agents(client),
    resourceProviders(client),
  ]);
  const provided = new Set(providers.map(({ name }) => name));
  return hosts
    .map((host) => ({
      host,
      services: services.filter((each) => each.host === host),
      agents: networking.filter((each) => each.host === host),
    }))
    .filter((each) => each.services.length + each.agents.length > 0 || provided.has(each.host));
}

async function remove(
  client: OpenStackClient,
  { host, services, agents }: Traces,
  context: ActionContext,
): Promise<void> {
  for (const service of services) {
    // nova waits a minute before it believes that a service is down; the container is known to have stopped.
    await client.put("compute", `/os-services/${service.id}`, { forced_down: true });
    // The careful policy where the guard has not said one: an operator had disabled the service before.
    const said = policyOf(service);
    if (said === undefined) await disable(client, service, "refuse");
    await clearServers(client, host, said ?? "refuse", context);
    await deleteService(client, service.id, context.signal);
  }
  for (const { id } of agents) await client.delete("network", `/v2.0/agents/${id}`);
}

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
