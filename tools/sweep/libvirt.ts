import { rmdirSync } from "node:fs";
import { execa } from "execa";
import type { Finding } from "./findings.ts";

/** Where libvirt answers unless it is told otherwise. */
export const SYSTEM = "qemu:///system";

export async function virsh(uri: string, ...args: string[]): Promise<string> {
  const { stdout } = await execa("virsh", ["--connect", uri, "--quiet", ...args], {
    timeout: 60_000,
    stdin: "ignore",
    env: { LC_ALL: "C" },
  });
  return stdout;
}

/** Whose things are looked for: by their names, and by what their descriptions say. */
export interface Owner {
  /** Whether a domain, a network or a pool may be the owner's by its name. */
  names: (kind: "domain" | "network" | "pool", name: string) => boolean;
  /** Whether its description says so, too. Default: the name is enough. */
  confirms?: (kind: "domain" | "network" | "pool", xml: string) => boolean;
  /** Whether a volume in the owner's pool is the owner's. Default: all are. */
  volume?: (name: string) => boolean;
}

/** What libvirt has of an owner's; nothing is changed. */
export async function findInLibvirt(uri: string, owner: Owner): Promise<Finding[]> {
  const [domains, networks, pools] = await Promise.all([
    named(uri, owner, "domain", "list", "dumpxml"),
    named(uri, owner, "network", "net-list", "net-dumpxml"),
    named(uri, owner, "pool", "pool-list", "pool-dumpxml"),
  ]);
  return [
    ...domains.map(({ name }): Finding => ({
      ...{ kind: "domain", name },
      remove: async () => {
        await quietly(uri, "destroy", name);
        await virsh(uri, "undefine", name);
      },
    })),
    ...networks.map(({ name }): Finding => ({
      ...{ kind: "libvirt network", name },
      remove: async () => {
        await quietly(uri, "net-destroy", name);
        await virsh(uri, "net-undefine", name);
      },
    })),
    ...(await Promise.all(pools.map((pool) => findPool(uri, pool, owner)))),
  ];
}

interface Named {
  name: string;
  xml: string;
}

async function named(
  uri: string,
  owner: Owner,
  kind: "domain" | "network" | "pool",
  list: string,
  describe: string,
): Promise<Named[]> {
  const all = (await virsh(uri, list, "--all", "--name")).split("\n").map((line) => line.trim());
  const candidates = all.filter((name) => name !== "" && owner.names(kind, name)).sort();
  const described = await Promise.all(
    candidates.map(async (name) => ({ name, xml: await virsh(uri, describe, name) })),
  );
  return described.filter(({ xml }) => owner.confirms?.(kind, xml) ?? true);
}

/** A pool with its volumes; one that holds somebody else's stays as it is. */
async function findPool(uri: string, { name, xml }: Named, owner: Owner): Promise<Finding> {
  const [, folder = ""] = /<path>(.*)<\/path>/.exec(xml) ?? [];
  const volumes = await volumesIn(uri, name);
  return {
    ...{ kind: "pool", name, detail: `${folder}, disks: ${volumes.join(", ") || "not known"}` },
    remove: async () => {
      // One that is not active does not tell its volumes.
      await quietly(uri, "pool-start", name);
      const all = await volumesIn(uri, name);
      const foreign = all.filter((volume) => !(owner.volume?.(volume) ?? true));
      if (foreign.length > 0) throw new Error(`it holds ${foreign.join(", ")}, not this stack's`);
      for (const volume of all) await virsh(uri, "vol-delete", "--pool", name, volume);
      await quietly(uri, "pool-destroy", name);
      await virsh(uri, "pool-undefine", name);
      removeEmpty(folder);
    },
  };
}

async function volumesIn(uri: string, pool: string): Promise<string[]> {
  const listed = await quietly(uri, "vol-list", pool);
  return listed
    .split("\n")
    .map((line) => line.trim().split(/\s+/)[0] ?? "")
    .filter((volume) => volume !== "");
}

/** What does not run can't be stopped, and what runs can't be started. */
function quietly(uri: string, ...args: string[]): Promise<string> {
  return virsh(uri, ...args).catch(() => "");
}

function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // It holds something that libvirt does not know, or is not there.
  }
}
