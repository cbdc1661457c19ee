import { execa } from "execa";
import { z } from "zod";
import type { Finding, Kind } from "./sweep/findings.ts";
import { findStack, type StackPlace } from "./sweep/stack.ts";

const exportSchema = z.object({
  deployment: z.object({
    resources: z
      .array(
        z.looseObject({ type: z.string(), outputs: z.record(z.string(), z.unknown()).optional() }),
      )
      .default([]),
    pending_operations: z
      .array(
        z.object({
          type: z.string(),
          resource: z.looseObject({
            urn: z.string(),
            type: z.string(),
            inputs: z.record(z.string(), z.unknown()).optional(),
          }),
        }),
      )
      .default([]),
  }),
});

/** Kinds of what stacks have on a machine, by the type of the resource that makes it. */
const KIND_OF: Readonly<Record<string, Kind>> = {
  "docker:index/container:Container": "container",
  "docker:index/network:Network": "network",
  "docker:index/volume:Volume": "volume",
  "docker:index/remoteImage:RemoteImage": "image",
  "libvirt:index/domain:Domain": "domain",
  "libvirt:index/network:Network": "libvirt network",
  "libvirt:index/pool:Pool": "pool",
};

/** A container and its volume may have one name: things are told apart by both. */
export const keyOf = ({ kind, name }: Pick<Finding, "kind" | "name">): string => `${kind} ${name}`;

function keyOfResource(type: string, name: unknown): string | undefined {
  const kind = KIND_OF[type];
  return kind === undefined || typeof name !== "string" ? undefined : keyOf({ kind, name });
}

/** What Pulumi's state says, as far as an update that was killed is concerned. */
export interface Noted {
  /** Keys of what it knows. */
  known: ReadonlySet<string>;
  /** What was under way: the operation, the resource, and its key where it is one of the kinds that are looked for. */
  pending: { type: string; urn: string; key?: string | undefined }[];
}

/**
 * Reads a stack's state; undefined where there is none.
 * @param env what makes `pulumi` find it
 */
export async function readNoted(
  stack: string,
  root: string,
  env: NodeJS.ProcessEnv,
): Promise<Noted | undefined> {
  const { failed, stdout } = await execa("pulumi", ["stack", "export", "--stack", stack], {
    ...{ cwd: root, env, extendEnv: false, reject: false, stdin: "ignore" },
    timeout: 60_000,
  });
  if (failed) return undefined;
  const { resources, pending_operations: pending } = exportSchema.parse(
    JSON.parse(stdout),
  ).deployment;
  return {
    known: new Set(
      resources.flatMap(({ type, outputs }) => keyOfResource(type, outputs?.["name"]) ?? []),
    ),
    pending: pending.map(({ type, resource }) => ({
      ...{ type, urn: resource.urn },
      key: keyOfResource(resource.type, resource.inputs?.["name"]),
    })),
  };
}

/** Kinds that an update makes under a name of their own, which nothing else can have then. */
const MADE: readonly Finding["kind"][] = [
  ...(["container", "network", "volume", "domain", "libvirt network"] as const),
];

/** Of what was found on the machine, what an update made in the moment it was killed: it is in the way of the next. */
export function unnoted(findings: readonly Finding[], { known, pending }: Noted): Finding[] {
  const begun = new Set(pending.filter(({ type }) => type === "creating").map(({ key }) => key));
  return findings.filter((finding) => {
    const key = keyOf(finding);
    return MADE.includes(finding.kind) && begun.has(key) && !known.has(key);
  });
}

/**
 * Removes what an update that was killed had begun to make. It is nobody's: no state knows it, it carries the stack's label,
 * and the state says that it was being made. Answers a sentence for each.
 */
export async function removeUnnoted(
  place: StackPlace & { directory: string },
  env: NodeJS.ProcessEnv,
): Promise<string[]> {
  const noted = await readNoted(place.stack, place.directory, env);
  if (noted === undefined || noted.pending.length === 0) return [];
  const { findings } = await findStack(place);
  const removed = unnoted(findings, noted);
  for (const finding of removed) await finding.remove();
  return removed.map(
    ({ kind, name }) =>
      `removed the ${kind} ${name}, which an update made in the moment it was killed`,
  );
}
