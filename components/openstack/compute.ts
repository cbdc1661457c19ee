import pRetry from "p-retry";
import { z } from "zod";
import type { OpenStackClient } from "./client.ts";
import { ApiError } from "./request.ts";

const serviceSchema = z.object({
  id: z.string(),
  binary: z.string(),
  host: z.string(),
  status: z.enum(["enabled", "disabled"]),
  state: z.enum(["up", "down"]),
  forced_down: z.boolean(),
  disabled_reason: z.string().nullable(),
  /** When it reported last: UTC, without saying so. Null before the first report. */
  updated_at: z.string().nullable(),
});
export type NovaService = z.output<typeof serviceSchema>;

const serverSchema = z.object({
  id: z.string(),
  name: z.string(),
  status: z.string(),
  "OS-EXT-SRV-ATTR:host": z.string().nullable(),
  "OS-EXT-STS:task_state": z.string().nullable(),
});

export interface Server {
  id: string;
  name: string;
  status: string;
  host: string | null;
  taskState: string | null;
}

/** Services as nova lists them, one host's if asked. */
export async function novaServices(
  client: OpenStackClient,
  filter: { host?: string; binary?: string } = {},
): Promise<NovaService[]> {
  const query = new URLSearchParams(filter).toString();
  const schema = z.object({ services: z.array(serviceSchema) });
  return (await client.get("compute", `/os-services?${query}`, schema)).services;
}

/** How often nova is asked again for servers that it could not list, each time a second later. */
const LIST_AGAIN = 8;

/**
 * Servers of all projects, one host's if asked; follows nova's paging. For each list nova asks neutron for the ports of all of them, and
 * answers 500 where that fails, as it does for seconds while a hundred are being deleted: then it is asked again.
 */
export async function servers(client: OpenStackClient, host?: string): Promise<Server[]> {
  const schema = z.object({ servers: z.array(serverSchema) });
  const found: Server[] = [];
  for (let marker: string | undefined; ;) {
    const query = new URLSearchParams({
      all_tenants: "1",
      limit: "500",
      ...(host !== undefined && { host }),
      ...(marker !== undefined && { marker }),
    });
    const { servers: page } = await pRetry(
      () => client.get("compute", `/servers/detail?${query.toString()}`, schema),
      {
        ...{ retries: LIST_AGAIN, minTimeout: 1000, factor: 1 },
        shouldRetry: ({ error }) => error instanceof ApiError && error.status === 500,
      },
    );
    found.push(
      ...page.map((server) => ({
        id: server.id,
        name: server.name,
        status: server.status,
        host: server["OS-EXT-SRV-ATTR:host"],
        taskState: server["OS-EXT-STS:task_state"],
      })),
    );
    marker = page.at(-1)?.id;
    if (page.length < 500) return found;
  }
}

/**
 * Hosts of hypervisors that are mapped to their cell, so that servers can be scheduled to them; one host's if asked. All of them
 * take nova 5 ms each.
 */
export async function hypervisors(
  client: OpenStackClient,
  host?: string,
): Promise<{ id: string; host: string; state: string }[]> {
  const schema = z.object({
    hypervisors: z.array(
      z.object({ id: z.string(), hypervisor_hostname: z.string(), state: z.string() }),
    ),
  });
  const pattern = new URLSearchParams(host && { hypervisor_hostname_pattern: host }).toString();
  const listed = await client
    .get("compute", `/os-hypervisors?${pattern}`, schema)
    .catch((error: unknown) => {
      // What nova says of a pattern that nothing matches.
      if (host !== undefined && error instanceof ApiError && error.status === 404) {
        return { hypervisors: [] };
      }
      throw error;
    });
  return listed.hypervisors
    .map(({ id, hypervisor_hostname, state }) => ({ id, host: hypervisor_hostname, state }))
    .filter((each) => host === undefined || each.host === host);
}

const migrationSchema = z.object({
  migrations: z.array(
    z.object({
      status: z.string(),
      source_compute: z.string().nullable(),
      dest_compute: z.string().nullable(),
      instance_uuid: z.string(),
    }),
  ),
});

/** Migrations that have a server between two hosts, a resize that waits for its confirmation included. */
const IN_PROGRESS = new Set([
  "accepted",
  "queued",
  "preparing",
  "running",
  "pre-migrating",
  "migrating",
  "post-migrating",
  "finished",
]);

/** Servers that are on their way from or to the host. */
export async function serversInMigration(client: OpenStackClient, host: string): Promise<string[]> {
  const query = new URLSearchParams({ host });
  const { migrations } = await client.get(
    "compute",
    `/os-migrations?${query.toString()}`,
    migrationSchema,
  );
  return migrations
    .filter(({ status }) => IN_PROGRESS.has(status))
    .map(({ instance_uuid }) => instance_uuid);
}
