import { z } from "zod";
import type { OpenStackClient } from "./client.ts";

/** Resource providers by name: those of computes have their host's. */
export async function resourceProviders(
  client: OpenStackClient,
): Promise<{ uuid: string; name: string; generation: number }[]> {
  const schema = z.object({
    resource_providers: z.array(
      z.object({ uuid: z.string(), name: z.string(), generation: z.number() }),
    ),
  });
  return (await client.get("placement", "/resource_providers", schema)).resource_providers;
}

const allocationsSchema = z.object({ allocations: z.record(z.string(), z.unknown()) });
const consumerSchema = z.object({
  allocations: z.record(z.string(), z.object({ resources: z.record(z.string(), z.number()) })),
  project_id: z.string().optional(),
  user_id: z.string().optional(),
  consumer_generation: z.number().nullable().optional(),
});

/**
 * Removes a provider with whatever is still allocated on it. An evacuated server keeps its allocation on the host it
 * came from until that host returns; a removed host never does.
 */
export async function removeProvider(client: OpenStackClient, uuid: string): Promise<void> {
  const { allocations } = await client.get(
    "placement",
    `/resource_providers/${uuid}/allocations`,
    allocationsSchema,
  );
  for (const consumer of Object.keys(allocations)) {
    const held = await client.get("placement", `/allocations/${consumer}`, consumerSchema);
    const rest = Object.entries(held.allocations).filter(([provider]) => provider !== uuid);
    if (rest.length === 0) {
      await client.delete("placement", `/allocations/${consumer}`);
      continue;
    }
    await client.put("placement", `/allocations/${consumer}`, {
      allocations: Object.fromEntries(
        rest.map(([provider, { resources }]) => [provider, { resources }]),
      ),
      project_id: held.project_id,
      user_id: held.user_id,
      // Unknown to releases before rocky.
      ...(held.consumer_generation !== undefined && {
        consumer_generation: held.consumer_generation,
      }),
    });
  }
  await client.delete("placement", `/resource_providers/${uuid}`);
}
