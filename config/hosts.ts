import { z } from "zod";
import type { EngineFacts } from "./engines.ts";
import { absolutePath, integer, NAME_PATTERN } from "./fields.ts";
import type { Problem } from "./problems.ts";
import { runsOnNode, type StandaloneParts } from "./standalone.ts";

/** The most docker hosts of one stack: each takes an address of the stack's networks, below the computes'. */
export const MAX_HOSTS = 30;

const ADDRESS = "must be unix:///SOCKET, ssh://USER@HOST or tcp://HOST:PORT";

/** The ways to an engine. What stands for a user or a host can't be taken for an option of ssh. */
const ENGINE =
  /^(unix:\/\/(\/[\w.-]+)+|ssh:\/\/([\w.]+[\w.-]*@)?[A-Za-z0-9][\w.-]*(:\d{1,5})?|tcp:\/\/[A-Za-z0-9][\w.-]*:\d{1,5})$/;

/** The key `hosts`: docker engines that take the computes, this machine's first. Empty: this machine's alone, without a swarm. */
export const hostsSchema = z
  .array(
    z.strictObject({
      /** What messages, the inventory and Pulumi's tree call it. */
      name: z.string({ error: "must be a name" }).regex(NAME_PATTERN, {
        error: "must be 1 to 40 lower-case letters, digits and dashes, starting with a letter",
      }),
      /** Where its engine is. Default, for the first: where docker's own programs find this machine's. */
      docker: z.string({ error: ADDRESS }).regex(ENGINE, { error: ADDRESS }).optional(),
      /** Folder with ca.pem, cert.pem and key.pem, as docker's DOCKER_CERT_PATH is; for tcp. */
      certificates: absolutePath.optional(),
      /** How many computes it takes, measured against the other hosts. */
      weight: integer(1, 1000).default(1),
    }),
    { error: "must be a list of hosts, each with name and docker" },
  )
  .max(MAX_HOSTS, { error: `must be at most ${MAX_HOSTS} hosts` })
  .default([]);

export type DockerHost = Readonly<z.output<typeof hostsSchema>[number]>;

/** Rules that need no look at the hosts. */
export function checkHosts(
  settings: StandaloneParts & { hosts: readonly DockerHost[] },
): Problem[] {
  const { hosts, controlPlane } = settings;
  if (hosts.length === 0) return [];
  const problems: Problem[] = [];
  if (controlPlane === "tripleo" || runsOnNode(settings)) {
    problems.push({
      key: "hosts",
      message:
        "is for controlPlane standalone with standalone.placement containers: no virtual machine reaches a swarm's network",
      involves: ["controlPlane", "standalone"],
    });
  }
  hosts.forEach(({ name, docker, certificates }, index) => {
    const twin = hosts.findIndex((other) => other.name === name);
    if (twin < index) {
      const message = `is also the name of hosts.${twin}`;
      problems.push({ key: `hosts.${index}.name`, value: name, message });
    }
    if (docker === undefined && index > 0) {
      const message =
        "must say where the engine is: ssh://USER@HOST, tcp://HOST:PORT or unix:///SOCKET";
      problems.push({ key: `hosts.${index}.docker`, message });
    }
    const isTcp = docker?.startsWith("tcp://") === true;
    if (isTcp && certificates === undefined) {
      problems.push({
        key: `hosts.${index}.certificates`,
        message:
          "must name a folder with ca.pem, cert.pem and key.pem: an engine on a port without TLS belongs to whoever reaches it",
        involves: [`hosts.${index}.docker`],
      });
    }
    if (!isTcp && certificates !== undefined) {
      problems.push({
        key: `hosts.${index}.certificates`,
        value: certificates,
        message: "is for a tcp:// address alone",
        involves: [`hosts.${index}.docker`],
      });
    }
  });
  return problems;
}

/** Whether the host says enough to be reached; what it lacks is a problem of its own. */
function isAddressed(hosts: readonly DockerHost[], index: number): boolean {
  const { docker, certificates } = hosts[index] ?? {};
  if (docker === undefined) return index === 0;
  return !docker.startsWith("tcp://") || certificates !== undefined;
}

/** What `checkEngines` looks at. */
export interface EnginesToCheck {
  hosts: readonly DockerHost[];
  /** What is known of each host, in the same order. */
  engines: readonly EngineFacts[];
  /** Names that containers on each host will have, in the same order. */
  containerNames: readonly (readonly string[])[];
  /** Memory in MiB that each host's share of the stack takes. */
  neededMb: readonly number[];
}

/** Rules that involve the docker hosts: one swarm, one kind of machine, and room. */
export function checkEngines({
  hosts,
  engines,
  containerNames,
  neededMb,
}: EnginesToCheck): Problem[] {
  const [first] = engines;
  return hosts.flatMap(({ name, docker }, index): Problem[] => {
    const engine = isAddressed(hosts, index) ? engines[index] : undefined;
    const problem = (message: string): Problem[] => [
      { key: `hosts.${index}.docker`, ...(docker !== undefined && { value: docker }), message },
    ];
    if (engine === undefined) return [];
    if ("unreachable" in engine) return problem(`does not answer: ${engine.unreachable}`);
    if (first === undefined || "unreachable" in first) return [];
    if (index === 0 && !engine.local) {
      return problem(
        "is not this machine's engine: the first host has the control plane, whose APIs are published on this machine's loopback; leave the key out",
      );
    }
    if (engine.architecture !== first.architecture) {
      return problem(
        `is a machine of another kind (${engine.architecture}) than the first (${first.architecture}), whose image it can't run`,
      );
    }
    if (index === 0 && !engine.isManager) {
      return problem(
        "is no manager of a swarm, as the first host has to be: run `docker swarm init --advertise-addr ADDRESS` there; see docs/hosts.md",
      );
    }
    if (first.isManager && index > 0 && engine.nodeId === "") {
      return problem(
        `is in no swarm: run what \`docker swarm join-token worker\` says on ${hosts[0]?.name}; see docs/hosts.md`,
      );
    }
    const twin = engines.findIndex((other) => "nodeId" in other && other.nodeId === engine.nodeId);
    if (first.isManager && twin < index) {
      return problem(`is the same engine as hosts.${twin} (${hosts[twin]?.name})`);
    }
    if (first.isManager && !first.readyNodes.includes(engine.nodeId)) {
      return problem(
        `is no ready node of the swarm of ${hosts[0]?.name}: see \`docker node ls\` there`,
      );
    }
    const taken = containerNames[index]?.find((each) => engine.foreignNames.includes(each));
    const needed = neededMb[index] ?? 0;
    return [
      ...(taken === undefined
        ? []
        : problem(
            `has a container ${taken} already that is not this stack's; remove it, or choose another prefix by names`,
          )),
      ...(needed <= engine.memoryMb
        ? []
        : [
            {
              key: "computes",
              message: `need about ${needed} MiB of memory on ${name}, which has ${engine.memoryMb}; lower computes, or hosts.${index}.weight`,
              involves: ["networking", "hosts"],
            },
          ]),
    ];
  });
}
