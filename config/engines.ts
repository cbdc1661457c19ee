import type { Engine } from "../components/docker-hosts/engine.ts";
import { label, rows } from "./docker.ts";
import type { DockerHost } from "./hosts.ts";

/** What a docker host has and uses, as far as settings must agree with it; or, in a few words, why nobody knows. */
export type EngineFacts = KnownEngine | { unreachable: string };

export interface KnownEngine {
  /** Whether it is this machine's. */
  local: boolean;
  /** As the kernel calls it: x86_64, aarch64. */
  architecture: string;
  /** Memory of its machine in MiB. */
  memoryMb: number;
  /** What it is in its swarm; empty if it is in none. */
  nodeId: string;
  /** Whether it is a manager of its swarm. */
  isManager: boolean;
  /** Nodes of its swarm that are ready and take work, itself included; only managers know. */
  readyNodes: string[];
  /** Names of containers that are not the stack's. */
  foreignNames: string[];
  /** Containers of the stack that exist and do not run, with docker's word for what they are. */
  stopped: { name: string; state: string }[];
  /** Indexes of the stack's computes that are there. */
  computes: number[];
}

/**
 * Looks at the engine of each host, at all of them at once, and changes nothing. One that does not answer within 10 s
 * counts as unreachable.
 */
export async function readEngines(
  stack: string,
  hosts: readonly DockerHost[],
): Promise<EngineFacts[]> {
  if (hosts.length === 0) return [];
  const local = rows({}, ["info"], INFO).then(
    ([info]) => info?.join(),
    () => undefined,
  );
  return Promise.all(
    hosts.map((host) =>
      readEngine(stack, host, local).catch((error: unknown) => ({
        unreachable: error instanceof Error ? error.message : String(error),
      })),
    ),
  );
}

/**
 * What an engine says of itself. All of it tells engines apart: machines that are copies of one another have the same ID,
 * until they are in a swarm.
 */
const INFO = [
  ...[".ID", ".Swarm.NodeID", ".Swarm.ControlAvailable"],
  ...[".Architecture", ".MemTotal"],
];

async function readEngine(
  stack: string,
  engine: Engine,
  local: Promise<string | undefined>,
): Promise<KnownEngine> {
  const [[info = []], containers] = await Promise.all([
    rows(engine, ["info"], INFO),
    rows(engine, ["ps", "--all"], [".Names", label("stack"), ".State", label("index")]),
  ]);
  const [id = "", nodeId = "", control, architecture = "", memory = ""] = info;
  if (id === "") throw new Error("docker says nothing of its engine");
  const isManager = control === "true";
  const nodes = isManager
    ? await rows(engine, ["node", "ls"], [".ID", ".Status", ".Availability"])
    : [];
  const isOwn = ([, owner]: string[]) => owner === stack;
  const own = containers.filter(isOwn);
  return {
    ...{ architecture, nodeId, isManager },
    local: info.join() === (await local),
    memoryMb: Math.floor(Number(memory) / 2 ** 20),
    readyNodes: nodes.flatMap(([node = "", status, availability]) =>
      status === "Ready" && availability === "Active" ? [node] : [],
    ),
    foreignNames: containers
      .filter((row) => !isOwn(row))
      .flatMap(([names = ""]) => names.split(",")),
    stopped: own.flatMap(([name = "", , state = ""]) =>
      state === "running" ? [] : [{ name, state }],
    ),
    computes: own.flatMap(([, , , index]) => (index ? [Number(index)] : [])),
  };
}

/** Hosts that the stack's computes are on, by the computes' index. */
export function placedOn(
  hosts: readonly DockerHost[],
  engines: readonly EngineFacts[],
): Map<number, string> {
  const placed = new Map<number, string>();
  hosts.forEach(({ name }, position) => {
    const engine = engines[position];
    if (engine === undefined || "unreachable" in engine) return;
    for (const index of engine.computes) if (!placed.has(index)) placed.set(index, name);
  });
  return placed;
}
