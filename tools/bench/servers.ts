import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { servers, type Server } from "../../components/openstack/compute.ts";
import type { OpenStackClient } from "../../components/openstack/client.ts";
import type { ScratchStack } from "../scratch-stack.ts";

/** How many servers are asked for and not yet ACTIVE or in ERROR at any time. */
const AT_ONCE = 10;

/** How often nova is asked about one server while it is made. */
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
  let next = 0;
  let failed = 0;
  const worker = async () => {
    while (next < count) {
      const name = `bench-${next++}`;
      const { server } = z.object({ server: z.object({ id: z.string() }) }).parse(
        await cloud.post("compute", "/servers", {
          server: { name, flavorRef, imageRef, networks: [{ uuid: network }] },
        }),
      );
      if (!(await isActive(cloud, server.id))) failed += 1;
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, count) }, worker));
  return failed;
}

/** Deletes every server, and waits until nova lists none. */
export async function deleteServers(stack: ScratchStack): Promise<void> {
  const cloud = await stack.cloud();
  const end = Date.now() + DELETE_MS;
  for (let left: Server[]; (left = await servers(cloud)).length > 0;) {
    if (Date.now() > end)
      throw new Error(`${left.length} servers of the benchmark are still there`);
    for (const { id, taskState } of left) {
      if (taskState !== "deleting") await cloud.delete("compute", `/servers/${id}`);
    }
    await sleep(2000);
  }
}

async function isActive(cloud: OpenStackClient, id: string): Promise<boolean> {
  const schema = z.object({ server: z.object({ status: z.string() }) });
  for (;;) {
    const { status } = (await cloud.get("compute", `/servers/${id}`, schema)).server;
    if (status === "ACTIVE" || status === "ERROR") return status === "ACTIVE";
    await sleep(POLL_MS);
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
