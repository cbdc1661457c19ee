import assert from "node:assert/strict";
import { z } from "zod";
import type { Engine } from "../../components/docker-hosts/engine.ts";
import { docker, leftovers } from "../../tools/scratch-stack.ts";

const inspection = z.array(
  z.object({
    Name: z.string(),
    HostConfig: z.object({
      CapAdd: z.array(z.string()).nullable(),
      CapDrop: z.array(z.string()).nullable(),
      SecurityOpt: z.array(z.string()).nullable(),
      Privileged: z.boolean(),
      PidMode: z.string(),
      IpcMode: z.string(),
      Binds: z.array(z.string()).nullable(),
    }),
  }),
);

/** What docker allows containers, by their names. */
export async function inspected(
  containers: readonly string[],
): Promise<Record<string, z.output<typeof inspection>[number]>> {
  const all = inspection.parse(JSON.parse(await docker("inspect", ...containers)));
  return Object.fromEntries(all.map((each) => [each.Name.slice(1), each]));
}

/** Fails unless a docker engine, this machine's by default, has nothing with a stack's label. */
export async function expectNoneInDocker(stack: string, engine?: Engine): Promise<void> {
  const none = { containers: [], networks: [], volumes: [], images: [] };
  assert.deepEqual(await leftovers(stack, engine), none);
}
