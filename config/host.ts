import { createServer } from "node:net";
import { totalmem } from "node:os";
import { execa } from "execa";
import { poolPath } from "../components/libvirt/plan.ts";
import { docker, label, rows } from "./docker.ts";
import { placedOn, readEngines, type EngineFacts } from "./engines.ts";
import type { DockerHost } from "./hosts.ts";
import type { Settings } from "./schema.ts";
import { readMergingFacts, type MergingFacts } from "./sharing.ts";
import { runsOnNode, type Placement } from "./standalone.ts";

/** What the machine has and uses, as far as settings must agree with it. What the stack itself uses is left out. */
export interface HostFacts {
  /** Memory of the machine in MiB. */
  memoryMb: number;
  /** IPv4 networks that the machine has routes to, default routes left out. */
  routes: { cidr: string; device: string }[];
  /** Those of the asked loopback ports that something else listens on. */
  portsInUse: number[];
  /** Names of containers and networks that docker has and that are not the stack's. */
  foreignNames: string[];
  /** Containers of the stack that exist and do not run, with docker's word for what they are. */
  stopped: { name: string; state: string }[];
  /** Number before the first dot of the docker daemon's version. */
  dockerMajor?: number | undefined;
  /** Names with tags of the images that docker has. */
  images: readonly string[];
  /** Whether the kernel merges equal pages of memory. */
  merging?: MergingFacts;
  /** What is known of each of `hosts`, in the same order. */
  engines: EngineFacts[];
  /** Hosts that the stack's computes are on, by the computes' index. */
  placed: ReadonlyMap<number, string>;
  /** What the stack's network was made for; undefined while there is none. */
  living?: LivingCloud | undefined;
}

/** Settings that a deployed cloud can't change, as labels of its network keep them; some are for node placement alone. */
export const LIVING_KEYS = [
  "controlPlane",
  "networking",
  "cidr",
  "tenantCidr",
  "placement",
  "externalCidr",
  "pool",
  "dataGb",
  "driver",
] as const;

export type LivingLabels = Partial<Record<(typeof LIVING_KEYS)[number], string>>;

/** Labels of a stack's network, by which later settings are held against what is deployed. */
export function livingLabels(settings: Settings): LivingLabels {
  const { controlPlane, networking, network, standalone, libvirt, names, hosts } = settings;
  return {
    controlPlane,
    networking,
    cidr: network.cidr,
    tenantCidr: network.tenantCidr,
    // Containers go without: what was deployed before there was a choice has no such label.
    ...(runsOnNode(settings) && {
      placement: "node",
      externalCidr: libvirt.networks.external.cidr,
      pool: poolPath(libvirt, names),
      dataGb: String(standalone.node.dataGb),
    }),
    // So does the network of a single machine.
    ...(hosts.length > 0 && { driver: "overlay" }),
  };
}

export type LivingCloud = { name: string } & LivingLabels;

/** Where the services of a deployed standalone cloud run; undefined for another kind of cloud. */
export function placementOf({ controlPlane, placement }: LivingCloud): Placement | undefined {
  if (controlPlane !== "standalone") return undefined;
  return placement === "node" ? "node" : "containers";
}

/**
 * Looks at the machine, and at other docker hosts. Takes well under a second where there are none, and changes nothing.
 * @throws Error, one sentence, when this machine's docker daemon does not answer.
 */
export async function readHostFacts(
  stack: string,
  ports: readonly number[],
  hosts: readonly DockerHost[] = [],
): Promise<HostFacts> {
  const [[containers, networks, images, version], routes, engines, busy] = await Promise.all([
    Promise.all([
      rows({}, ["ps", "--all"], [".Names", label("stack"), ".State", ".Ports"]),
      rows({}, ["network", "ls"], [".Name", label("stack"), ".ID", ...LIVING_KEYS.map(label)]),
      rows({}, ["images"], [".Repository", ".Tag"]),
      docker({}, "version", "--format", "{{.Server.Version}}"),
    ]).catch((error: unknown) => {
      throw new Error(
        `The docker daemon does not answer (${(error as Error).message}); start it, or run \`npm run setup\`.`,
        { cause: error },
      );
    }),
    readRoutes(),
    readEngines(stack, hosts),
    Promise.all(ports.map(async (port) => ((await isFree(port)) ? [] : [port]))),
  ]);
  const isOwn = ([, owner]: string[]) => owner === stack;
  const own = containers.filter(isOwn);
  const ownNetworks = networks.filter(isOwn);
  // The one that says what it was made for; where there are several hosts, there is another for the tunnels.
  const ownNetwork = ownNetworks.find(([, , , controlPlane]) => controlPlane) ?? ownNetworks[0];
  const ownPorts = own.flatMap(([, , , published = ""]) =>
    [...published.matchAll(/:(\d+)->/g)].map(([, port]) => Number(port)),
  );
  const ownBridges = ownNetworks.map(([, , id = ""]) => `br-${id.slice(0, 12)}`);
  return {
    memoryMb: Math.floor(totalmem() / 2 ** 20),
    routes: routes.filter(({ device }) => !ownBridges.includes(device)),
    portsInUse: busy.flat().filter((port) => !ownPorts.includes(port)),
    foreignNames: [...containers, ...networks]
      .filter((row) => !isOwn(row))
      .flatMap(([names = ""]) => names.split(",")),
    stopped: [
      ...own
        .map(([name = "", , state = ""]) => ({ name, state }))
        .filter(({ state }) => state !== "running"),
      ...stoppedElsewhere(hosts, engines),
    ],
    engines,
    placed: placedOn(hosts, engines),
    dockerMajor: Number(version.split(".")[0]),
    images: images.map(([name, tag]) => `${name}:${tag}`),
    merging: readMergingFacts(),
    living: ownNetwork && livingCloud(ownNetwork),
  };
}

/** Containers that do not run on other hosts than this machine, the first. */
function stoppedElsewhere(
  hosts: readonly DockerHost[],
  engines: readonly EngineFacts[],
): HostFacts["stopped"] {
  return engines.slice(1).flatMap((engine, position) => {
    const stopped = "unreachable" in engine ? [] : engine.stopped;
    const where = hosts[position + 1]?.name ?? "";
    return stopped.map(({ name, state }) => ({ name: `${name} on ${where}`, state }));
  });
}

function livingCloud([name = "", , , ...labels]: string[]): LivingCloud {
  const known = LIVING_KEYS.flatMap((key, position) =>
    labels[position] ? [[key, labels[position]]] : [],
  );
  return { name, ...(Object.fromEntries(known) as object) };
}

interface Route {
  dst: string;
  dev?: string;
}

async function readRoutes(): Promise<HostFacts["routes"]> {
  const { stdout } = await execa("ip", ["-json", "-4", "route"], {
    timeout: 10_000,
    stdin: "ignore",
    reject: false,
  });
  if (!stdout) return [];
  return (
    (JSON.parse(stdout) as Route[])
      // A VPN may split the default route in two.
      .filter(({ dst }) => !["default", "0.0.0.0/1", "128.0.0.0/1"].includes(dst))
      .map(({ dst, dev }) => ({ cidr: dst.includes("/") ? dst : `${dst}/32`, device: dev ?? "" }))
  );
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    // Other errors say nothing of the port: docker may bind low ones that this process may not.
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code !== "EADDRINUSE"));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () =>
      server.close(() => resolve(true)),
    );
  });
}
