import { z } from "zod";
import type { Files } from "../container/uploads.ts";
import { checkSchema } from "../standalone/health.ts";
import type { ServicePlan } from "../standalone/plan.ts";

/** Volume label of the disk with the seed. It has two files at its top: node.json and files.json. */
export const SEED_LABEL = "OVERCLOUD";

/** What a service of a node is started with. */
const serviceSchema = z.strictObject({
  /** Names the start script, /usr/lib/overcloud/bin/NAME, and the log, /var/log/overcloud/NAME/current. */
  name: z.string().regex(/^[a-z][a-z0-9-]*$/),
  environment: z.record(z.string().regex(/^[A-Za-z_]\w*$/), z.string()).default({}),
  /** Services that must be up before this one starts; they come earlier in the list. */
  after: z.array(z.string()).default([]),
  /** How the node tells that the service is up. Without it, a service is up when its process runs. */
  check: checkSchema.optional(),
  /** Seconds that the service gets to end by itself. */
  graceSeconds: z.number().int().min(1).max(120).default(10),
});

/** node.json: what a node needs to know besides the files of its services. Nothing of it is secret. */
export const nodeSeedSchema = z
  .strictObject({
    hostname: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/),
    /** The network card, found by its MAC, and its only address. */
    network: z.strictObject({
      mac: z.string().regex(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/),
      address: z.ipv4(),
      prefix: z.number().int().min(1).max(30),
      gateway: z.ipv4(),
    }),
    /** Further lines of /etc/hosts: name to address. */
    hosts: z.record(z.string(), z.ipv4()).default({}),
    /** Whoever has the other half logs in as root. */
    publicKey: z.string().regex(/^ssh-[a-z0-9-]+ [A-Za-z0-9+/=]+( .*)?$/),
    /** In start order. */
    services: z.array(serviceSchema).min(1),
    /** Folders that live on the data volume, first filled from the image: service to path. Several may share a path. */
    data: z.record(z.string(), z.string().startsWith("/")).default({}),
  })
  .superRefine(({ services, data }, context) => {
    const earlier = new Set<string>();
    for (const { name, after } of services) {
      if (earlier.has(name)) context.addIssue(`service ${name} is listed twice`);
      for (const other of after.filter((each) => !earlier.has(each))) {
        context.addIssue(`service ${name} starts after ${other}, which is not listed before it`);
      }
      earlier.add(name);
    }
    for (const name of Object.keys(data).filter((each) => !earlier.has(each))) {
      context.addIssue(`data of ${name}, which is no service of the node`);
    }
  });

/** As it is written; what has a default may be left out. */
export type NodeSeed = z.input<typeof nodeSeedSchema>;

/** files.json: contents by absolute path. They are secret, and become root's, readable by root alone. */
export const nodeFilesSchema: z.ZodType<Files> = z.record(
  z.string().startsWith("/etc/"),
  z.string(),
);

/** Services, and their data, of a plan whose services all run on one node. Pure. */
export function seedServices(
  services: readonly ServicePlan[],
): Required<Pick<NodeSeed, "services" | "data">> {
  return {
    services: services.map(({ name, environment, after, check, graceSeconds }) => ({
      ...{ name, environment, after, check, graceSeconds },
    })),
    data: Object.fromEntries(
      services.flatMap(({ name, volume }) => (volume ? [[name, volume.path]] : [])),
    ),
  };
}
