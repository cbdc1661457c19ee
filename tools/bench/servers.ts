import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import type { OpenStackClient } from "../../components/openstack/client.ts";
import type { ScratchStack } from "../scratch-stack.ts";

/** How many servers are asked for and not yet ACTIVE or in ERROR at any time, or are being deleted. */
const AT_ONCE = 10;

/**
 * How often nova is asked which servers are done. It is asked for their ids alone: for anything more it would ask neutron for the ports
 * of each of them, which is more work than the servers themselves.
 */
const POLL_MS = 500;

/** How long deleted servers are waited for. */
const DELETE_MS = 300_000;

/** Creates servers as the API does it at its fastest, and waits until each is ACTIVE or in ERROR; returns how many are in ERROR. */
export async function bootServers(stack: ScratchStack, count: number): Promise<number> {
  const cloud = await stack.cloud();
  const [flavorRef, imageRef, network] = await Promise.all([
    first(cloud, "compute", "/flavors", "flavors"),
    first(cloud, "image", "/v2/images", "images"),
    first(cloud, "network", "/v2.0/networks", "networks"),
  ]);
  for (let asked = 0; ;) {
    const [active, failed] = await Promise.all([
      countServers(cloud, "ACTIVE"),
      countServers(cloud, "ERROR"),
    ]);
    const done = active + failed;
    if (done >= count) return failed;
    const more = Math.min(AT_ONCE - (asked - done), count - asked);
    const names = Array.from({ length: more }, (_, index) => `bench-${asked + index}`);
    await Promise.all(
      names.map((name) =>
        cloud.post("compute", "/servers", {
          server: { name, flavorRef, imageRef, networks: [{ uuid: network }] },
        }),
      ),
    );
    asked += more;
    await sleep(POLL_MS);
  }
}

/** How many of the benchmark's servers are in a state. */
async function countServers(cloud: OpenStackClient, status: string): Promise<number> {
  return (await listServers(cloud, { status })).length;
}

/** Ids of the benchmark's servers. */
async function listServers(
  cloud: OpenStackClient,
  filter: Record<string, string> = {},
): Promise<string[]> {
  const query = new URLSearchParams({ ...filter, name: "^bench-", limit: "1000" }).toString();
  const schema = z.object({ servers: z.array(z.object({ id: z.string() })) });
  return (await cloud.get("compute", `/servers?${query}`, schema)).servers.map(({ id }) => id);
}

/**
 * Deletes every server of the benchmark, a few at a time, until nova lists none. What neutron does not let go of at that moment nova keeps,
 * so it is asked again for what is still there.
 */
export async function deleteServers(stack: ScratchStack): Promise<void> {
  const cloud = await stack.cloud();
  const end = Date.now() + DELETE_MS;
  for (let left: string[]; (left = await listServers(cloud)).length > 0;) {
    if (Date.now() > end)
      throw new Error(`${left.length} servers of the benchmark are still there`);
    const some = left.slice(0, AT_ONCE);
    await Promise.all(some.map((id) => cloud.delete("compute", `/servers/${id}`)));
    await sleep(2000);
  }
}

async function first(
  cloud: OpenStackClient,
  service: "compute" | "image" | "network",
  path: string,
  key: string,
): Promise<string | undefined> {
  const list = z.array(z.object({ id: z.string() }));
  return list.parse((await cloud.get(service, path, z.record(z.string(), z.unknown())))[key])[0]
    ?.id;
}
