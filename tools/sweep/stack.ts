import { execa } from "execa";
import path from "node:path";
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { bridgesOf, macPrefixOf } from "../../components/libvirt/plan.ts";
import { hostsSchema, type DockerHost } from "../../config/hosts.ts";
import { KEEPER_NAME } from "../../components/names.ts";
import { PROJECT_DIRECTORY } from "../../components/project.ts";
import { runPassage } from "../../components/tripleo/passage.ts";
import { saidOf } from "../said.ts";
import { environmentOf, findInDocker, prefixIn } from "./docker.ts";
import type { Finding } from "./findings.ts";
import { findInLibvirt, SYSTEM, type Owner } from "./libvirt.ts";
import { findFolder, findLocks, findProcesses } from "./machine.ts";

export interface StackPlace {
  stack: string;
  /** Prefix of the names of what the stack made. Default: what docker, or the stack's file, says of it. */
  names?: string | undefined;
  /** The folder with the program and the outputs of stacks. Default: this one. */
  directory?: string;
  /** State backend that is a folder. */
  backend?: string | undefined;
}

/** Everything on this machine, and its further docker hosts, that is a stack's, whether or not any state knows of it. */
export async function findStack(
  place: StackPlace,
): Promise<{ names: string; findings: Finding[]; unseen: string[] }> {
  const { stack, directory = PROJECT_DIRECTORY, backend } = place;
  const output = path.join(directory, "output", stack);
  const settings = readStackFile(directory, stack);
  const names = place.names ?? (await prefixIn(stack)) ?? settings.names ?? stack;
  const unseen: string[] = [];
  const [inDocker, elsewhere, passage, inLibvirt] = await Promise.all([
    findInDocker(stack),
    Promise.all(
      settings.hosts.map((host) =>
        findOnHost(stack, host).catch((error: unknown) => {
          unseen.push(`docker on ${host.name}: ${saidOf(error)}`);
          return [];
        }),
      ),
    ),
    findPassage(stack),
    findInLibvirt(settings.uri, ownerOf(stack, names)).catch((error: unknown) => {
      // Most stacks have nothing there, and many machines no libvirt.
      unseen.push(`libvirt at ${settings.uri}: ${saidOf(error)}`);
      return [];
    }),
  ]);
  const findings = [
    ...findProcesses(output),
    ...inDocker,
    ...elsewhere.flat(),
    ...passage,
    ...inLibvirt,
    ...(backend === undefined ? [] : findLocks(backend, stack)),
    ...findFolder(output),
  ];
  return { names, findings, unseen };
}

/** How a stack's domains, networks and pool are told from anybody else's of the same names. */
export function ownerOf(stack: string, names: string): Owner {
  const mac = `<mac address=['"]${macPrefixOf(stack)}:`;
  const bridges: string[] = Object.values(bridgesOf(names));
  const machine = /^(undercloud|controller|compute|baremetal)-\d+$/;
  return {
    names: (kind, name) => {
      if (kind === "pool") return name === names;
      if (!name.startsWith(`${names}-`)) return false;
      const rest = name.slice(names.length + 1);
      return kind === "domain" ? machine.test(rest) : ["provisioning", "external"].includes(rest);
    },
    confirms: (kind, xml) => {
      if (kind === "domain") return new RegExp(mac).test(xml);
      if (kind === "pool") return true;
      const [, bridge = ""] = /<bridge name=['"]([^'"]+)['"]/.exec(xml) ?? [];
      return bridges.includes(bridge);
    },
    volume: (name) => name.startsWith(`${names}-`),
  };
}

/** What a further docker host has of a stack. Networks that span hosts are removed where they were made, on this machine. */
async function findOnHost(stack: string, host: DockerHost): Promise<Finding[]> {
  const findings = await findInDocker(stack, host);
  return findings
    .filter(({ kind, detail }) => !(kind === "network" && detail === "overlay"))
    .map((finding) => ({ ...finding, detail: `on ${host.name}, ${finding.detail}` }));
}

interface StackFile {
  names?: string;
  uri: string;
  /** Docker hosts besides this machine. */
  hosts: readonly DockerHost[];
}

/** What a stack's file says that is needed to find what the stack made. */
function readStackFile(directory: string, stack: string): StackFile {
  const { config } = parseFile(path.join(directory, `Pulumi.${stack}.yaml`)) as {
    config?: Record<string, unknown>;
  };
  const names = config?.["overcloud:names"];
  const libvirt = config?.["overcloud:libvirt"] as { uri?: unknown } | undefined;
  return {
    ...(typeof names === "string" && names !== "" && { names }),
    uri: typeof libvirt?.uri === "string" ? libvirt.uri : SYSTEM,
    hosts: (hostsSchema.safeParse(config?.["overcloud:hosts"]).data ?? []).slice(1),
  };
}

function parseFile(file: string): unknown {
  try {
    return (parse(readFileSync(file, "utf8")) as unknown) ?? {};
  } catch {
    return {};
  }
}

/** Routes and rules between the stack's computes and an overcloud, as the container that keeps them knows them. */
async function findPassage(stack: string): Promise<Finding[]> {
  const environment = await environmentOf(stack, KEEPER_NAME);
  if (environment === undefined) return [];
  const own = Object.entries(environment).filter(([key]) => key.startsWith("OVERCLOUD_"));
  const run = runPassage("remove", Object.fromEntries(own));
  const [program = "", ...args] = run.argv ?? [];
  return [
    {
      ...{ kind: "passage", name: environment["OVERCLOUD_CHAIN"] ?? "" },
      detail: "routes and rules of this machine",
      remove: async () => {
        const options = { cwd: PROJECT_DIRECTORY, timeout: 60_000, stdin: "ignore" } as const;
        await execa(program, args, { ...options, env: run.environment ?? {} });
      },
    },
  ];
}
