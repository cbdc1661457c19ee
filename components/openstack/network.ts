import { z } from "zod";
import type { OpenStackClient } from "./client.ts";

const agentSchema = z.object({
  id: z.string(),
  host: z.string(),
  agent_type: z.string(),
  alive: z.boolean(),
});
export type Agent = z.output<typeof agentSchema>;

/** Networking agents, one host's if asked. With OVN, neutron lists a host's chassis as agents. */
export async function agents(client: OpenStackClient, host?: string): Promise<Agent[]> {
  const query = host === undefined ? "" : `?${new URLSearchParams({ host }).toString()}`;
  const schema = z.object({ agents: z.array(agentSchema) });
  return (await client.get("network", `/v2.0/agents${query}`, schema)).agents;
}
