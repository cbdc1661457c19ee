import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import type { OpenStackClient } from "../../components/openstack/client.ts";
import { hypervisors, novaServices } from "../../components/openstack/compute.ts";
import { agents } from "../../components/openstack/network.ts";
import { resourceProviders } from "../../components/openstack/placement.ts";
import type { Engine } from "../../components/docker-hosts/engine.ts";
import { dockerOn } from "../../tools/scratch-stack.ts";

/** A container by its name, on this machine or on another docker host. */
export type Container = string | { name: string; engine: Engine };

function inside(container: Container, ...argv: string[]): Promise<string> {
  const { name, engine } =
    typeof container === "string" ? { name: container, engine: {} } : container;
  return dockerOn(engine, "exec", name, ...argv);
}

const named = z.object({ id: z.string(), name: z.string() });

const serverSchema = z.object({
  server: z.object({
    id: z.string(),
    name: z.string(),
    status: z.string(),
    "OS-EXT-SRV-ATTR:host": z.string().nullable(),
    "OS-EXT-STS:task_state": z.string().nullable(),
    fault: z.object({ message: z.string() }).optional(),
  }),
});
export type ServerState = z.output<typeof serverSchema>["server"];

const portsSchema = z.object({
  ports: z.array(
    z.object({
      id: z.string(),
      status: z.string(),
      "binding:host_id": z.string(),
      "binding:vif_type": z.string(),
      fixed_ips: z.array(z.object({ ip_address: z.string() })),
    }),
  ),
});
export type Port = z.output<typeof portsSchema>["ports"][number];

/** Polls until `done`; the error says what was seen last. */
export async function eventually<T>(
  what: string,
  seconds: number,
  look: () => Promise<T>,
  done: (seen: T) => boolean,
): Promise<T> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const seen = await look();
    if (done(seen)) return seen;
    if (Date.now() > end) {
      throw new Error(`${what}: not within ${seconds} s; last seen ${JSON.stringify(seen)}`);
    }
    await sleep(500);
  }
}

export async function server(cloud: OpenStackClient, id: string): Promise<ServerState> {
  return (await cloud.get("compute", `/servers/${id}`, serverSchema)).server;
}

/** Creates a server from the stack's first objects, on a given host if one is named, and waits until it is ACTIVE. */
export async function boot(
  cloud: OpenStackClient,
  name: string,
  host?: string,
): Promise<ServerState> {
  const first = async (path: string, key: string, service: "compute" | "image" | "network") => {
    const answer = await cloud.get(service, path, z.record(z.string(), z.unknown()));
    return z.array(named).parse(answer[key])[0]?.id;
  };
  const { server: created } = z.object({ server: z.object({ id: z.string() }) }).parse(
    await cloud.post("compute", "/servers", {
      server: {
        name,
        flavorRef: await first("/flavors", "flavors", "compute"),
        imageRef: await first("/v2/images?name=simulated", "images", "image"),
        networks: [{ uuid: await first("/v2.0/networks?name=private", "networks", "network") }],
        ...(host !== undefined && { host }),
      },
    }),
  );
  return settled(cloud, created.id, "ACTIVE");
}

/** Why a server is in ERROR; nova writes that a moment after the status. */
async function faultOf(cloud: OpenStackClient, id: string): Promise<string> {
  const fault = async () => (await server(cloud, id)).fault?.message;
  const said = await eventually("fault", 10, fault, Boolean).catch(() => undefined);
  return said ?? "ERROR, without a reason";
}

/** Waits until a server has the status and nothing under way; fails at once when it is in ERROR instead. */
export function settled(
  cloud: OpenStackClient,
  id: string,
  status: string,
  host?: string,
): Promise<ServerState> {
  return eventually(
    `server ${id} ${status}${host === undefined ? "" : ` on ${host}`}`,
    180,
    async () => {
      const seen = await server(cloud, id);
      if (seen.status === "ERROR" && status !== "ERROR") assert.fail(await faultOf(cloud, id));
      return seen;
    },
    (seen) =>
      seen.status === status &&
      seen["OS-EXT-STS:task_state"] === null &&
      (host === undefined || seen["OS-EXT-SRV-ATTR:host"] === host),
  );
}

export async function act(cloud: OpenStackClient, id: string, action: object): Promise<void> {
  await cloud.post("compute", `/servers/${id}/action`, action);
}

export async function remove(cloud: OpenStackClient, ids: string[]): Promise<void> {
  for (const id of ids) await cloud.delete("compute", `/servers/${id}`);
  await eventually(
    "servers deleted",
    120,
    async () => {
      const query = "/servers?all_tenants=1";
      const schema = z.object({ servers: z.array(z.object({ id: z.string() })) });
      return (await cloud.get("compute", query, schema)).servers.filter((s) => ids.includes(s.id));
    },
    (left) => left.length === 0,
  );
}

/** The one port of a server. */
export async function portOf(cloud: OpenStackClient, serverId: string): Promise<Port> {
  const { ports } = await cloud.get("network", `/v2.0/ports?device_id=${serverId}`, portsSchema);
  assert.equal(ports.length, 1, "a server of the tests has one port");
  return ports[0] as Port;
}

/** Waits until the server's port is bound on the host, ACTIVE for neutron and plugged into that compute's switch. */
export async function wired(
  cloud: OpenStackClient,
  serverId: string,
  container: Container,
  host: string,
): Promise<Port> {
  const port = await eventually(
    `port of ${serverId} wired on ${host}`,
    60,
    () => portOf(cloud, serverId),
    (seen) => seen.status === "ACTIVE" && seen["binding:host_id"] === host,
  );
  assert.equal(port["binding:vif_type"], "ovs");
  await eventually(
    `interface of ${serverId} in the switch of ${host}`,
    60,
    // The switch may be on its way up.
    () => interfaceOf(container, port.id).catch(() => ""),
    (name) => name !== "",
  );
  return port;
}

/** Name of the interface that a port is plugged into in a compute's switch; empty if there is none. */
export async function interfaceOf(container: Container, portId: string): Promise<string> {
  return inside(
    container,
    ...["ovs-vsctl", "--bare", "--columns=name", "find", "Interface"],
    `external_ids:iface-id=${portId}`,
  );
}

/** Gives an interface the address of its port, as the guest would, so that it can be pinged from there. */
export async function actAsGuest(container: Container, port: Port): Promise<string> {
  const name = await interfaceOf(container, port.id);
  const address = port.fixed_ips[0]?.ip_address;
  await inside(container, "ip", "link", "set", name, "up");
  await inside(container, "ip", "address", "replace", `${address}/16`, "dev", name);
  return name;
}

/**
 * What the cloud knows of its computes, in every place where a removed one could be left behind.
 * @param query asks the cloud's database
 */
export async function known(
  cloud: OpenStackClient,
  query: (sql: string) => Promise<string>,
): Promise<Record<string, string[]>> {
  const names = (entries: { host: string }[]) => entries.map(({ host }) => host).sort();
  const mappings = await query("SELECT host FROM nova_api.host_mappings ORDER BY host");
  return {
    services: names(await novaServices(cloud, { binary: "nova-compute" })),
    hypervisors: names(await hypervisors(cloud)),
    agents: names(await agents(cloud)),
    providers: (await resourceProviders(cloud)).map(({ name }) => name).sort(),
    hostMappings: mappings.split("\n").filter(Boolean),
  };
}

export function expectKnown(seen: Record<string, string[]>, hosts: string[]): void {
  const places = ["services", "hypervisors", "agents", "providers", "hostMappings"];
  assert.deepEqual(seen, Object.fromEntries(places.map((place) => [place, hosts])));
}

/** Has the first server's port, in the first container, ping the second's: through their tunnel, each packet once. */
export async function pings(
  cloud: OpenStackClient,
  serverIds: string[],
  [here = "", there = ""]: Container[],
): Promise<void> {
  const [first, second] = await Promise.all(serverIds.map((id) => portOf(cloud, id)));
  assert.ok(first && second);
  const source = await actAsGuest(here, first);
  await actAsGuest(there, second);
  const target = second.fixed_ips[0]?.ip_address ?? "";
  const ping = ["ping", "-c", "5", "-i", "0.3", "-W", "3", "-I", source, target];
  const output = await inside(here, ...ping);
  const received = Number(/(\d+) received/.exec(output)?.[1]);
  // The first may be lost while the tunnel looks for its end.
  assert.ok(received >= 4, output);
  assert.ok(!output.includes("DUP!"), output);
}
