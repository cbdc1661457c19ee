import { z } from "zod";
import { OpenStackClient } from "../openstack/client.ts";
import type { CloudReference } from "../openstack/session.ts";
import type { Action } from "../step/action.ts";

export interface FirstObjectsArgs extends CloudReference {
  tenantCidr: string;
}

const identified = z.object({ id: z.string() });

/** Bytes of the image: guests are simulated, so nobody ever reads it. */
const IMAGE_BYTES = 1024;

/**
 * A network, a flavor and an image, so that `openstack server create` works at once. Made when they are missing by
 * name; whatever the user changes about them stays.
 */
export const createFirstObjects: Action<FirstObjectsArgs> = async (args, { signal }) => {
  const client = await OpenStackClient.connect(args, signal);
  await Promise.all([
    createNetwork(client, args.tenantCidr),
    createFlavor(client),
    createImage(client),
  ]);
  return { network: "private", flavor: "tiny", image: "simulated" };
};

async function createNetwork(client: OpenStackClient, cidr: string): Promise<void> {
  const networks = z.object({ networks: z.array(identified) });
  const found = await client.get("network", "/v2.0/networks?name=private", networks);
  const id =
    found.networks[0]?.id ??
    z
      .object({ network: identified })
      .parse(await client.post("network", "/v2.0/networks", { network: { name: "private" } }))
      .network.id;
  const subnets = z.object({ subnets: z.array(identified) });
  const existing = await client.get("network", `/v2.0/subnets?network_id=${id}`, subnets);
  if (existing.subnets.length > 0) return;
  await client.post("network", "/v2.0/subnets", {
    // No DHCP: simulated guests never ask, and each agent that serves them would cost memory.
    subnet: { name: "private", network_id: id, ip_version: 4, cidr, enable_dhcp: false },
  });
}

async function createFlavor(client: OpenStackClient): Promise<void> {
  const flavors = z.object({ flavors: z.array(z.object({ name: z.string() })) });
  const found = await client.get("compute", "/flavors?is_public=none", flavors);
  if (found.flavors.some(({ name }) => name === "tiny")) return;
  await client.post("compute", "/flavors", {
    flavor: { name: "tiny", vcpus: 1, ram: 512, disk: 1 },
  });
}

async function createImage(client: OpenStackClient): Promise<void> {
  const images = z.object({ images: z.array(z.object({ id: z.string(), status: z.string() })) });
  const found = await client.get("image", "/v2/images?name=simulated", images);
  if (found.images.some(({ status }) => status === "active")) return;
  const id =
    found.images[0]?.id ??
    identified.parse(
      await client.post("image", "/v2/images", {
        name: "simulated",
        visibility: "public",
        disk_format: "raw",
        container_format: "bare",
      }),
    ).id;
  await client.upload("image", `/v2/images/${id}/file`, new Uint8Array(IMAGE_BYTES));
}
