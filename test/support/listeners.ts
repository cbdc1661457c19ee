import assert from "node:assert/strict";
import { createConnection } from "node:net";
import { networkInterfaces } from "node:os";
import { execa } from "execa";
import { addressAt } from "../../config/addresses.ts";
import {
  offsetOf,
  OVN_NORTHBOUND_PORT,
  OVN_SOUTHBOUND_PORT,
  APIS,
} from "../../components/standalone/services.ts";
import { STACK_LABEL } from "../../components/names.ts";
import { docker } from "../../tools/scratch-stack.ts";

/** An end that something may listen at. */
export interface End {
  address: string;
  port: number;
}

/** Where the services of a standalone cloud with OVN listen in its network. */
export function standaloneEnds(cidr: string): End[] {
  const services = [
    ...Object.values(APIS).map(({ service, port }) => ({ service, port })),
    { service: "mariadb", port: 3306 },
    { service: "rabbitmq", port: 5672 },
    { service: "memcached", port: 11211 },
    { service: "ovn-nb-db", port: OVN_NORTHBOUND_PORT },
    { service: "ovn-sb-db", port: OVN_SOUTHBOUND_PORT },
  ] as const;
  return services.map(({ service, port }) => ({
    address: addressAt(cidr, offsetOf(service)),
    port,
  }));
}

/**
 * Fails where a stack's services answer anywhere but on loopback and in the stack's own network: by what listens on this
 * machine, by connecting to its other addresses, and from a container on a network that is not the stack's.
 * @param published ports of the APIs on this machine
 * @param inside where services listen in the stack's network
 */
export async function expectReachable(
  stack: string,
  published: readonly number[],
  inside: readonly End[],
): Promise<void> {
  const { stdout } = await execa("ss", ["-H", "-l", "-t", "-u", "-n"], { stdin: "ignore" });
  const listening = stdout.split("\n").flatMap((line) => {
    const [, address = "", port] = /(\S+):(\d+)\s+\S+:\*/.exec(line) ?? [];
    return published.includes(Number(port)) ? [address] : [];
  });
  assert.equal(listening.length, published.length, "each port has one listener");
  assert.deepEqual(new Set(listening), new Set(["127.0.0.1"]));

  const others = Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .filter(({ internal, family }) => !internal && family === "IPv4")
    .map(({ address }) => address);
  const elsewhere = others.flatMap((address) => published.map((port) => ({ address, port })));
  const answered = await Promise.all(
    elsewhere.map(async (end) => ((await answers(end)) ? [`${end.address}:${end.port}`] : [])),
  );
  assert.deepEqual(answered.flat(), [], "an API answers at an address that is not loopback's");
  // Proof that the question is the right one.
  assert.ok(await answers({ address: "127.0.0.1", port: published[0] ?? 0 }));
  assert.ok(await answers(inside[0] ?? { address: "", port: 0 }), "this machine reaches its stack");

  assert.deepEqual(await openFromOutside(stack, [...elsewhere, ...inside]), []);
}

function answers({ address, port }: End): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: address, port, timeout: 1500 });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
    socket.once("timeout", () => end(false));
  });
}

const PROBE = `
import socket, sys
from concurrent.futures import ThreadPoolExecutor
def ask(end):
    host, port = end.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), 2).close()
        return [end]
    except OSError:
        return []
with ThreadPoolExecutor(64) as pool:
    print(*[end for found in pool.map(ask, sys.argv[1:]) for end in found])
`;

/** Those of the ends that a container on docker's default network can connect to. */
async function openFromOutside(stack: string, ends: readonly End[]): Promise<string[]> {
  const [image = ""] = (
    await docker("ps", "--filter", `label=${STACK_LABEL}=${stack}`, "--format", "{{.Image}}")
  ).split("\n");
  const run = ["run", "--rm", "--network", "bridge", "--entrypoint", "python3", image];
  const found = await docker(...run, "-c", PROBE, ...ends.map((e) => `${e.address}:${e.port}`));
  return found.split(" ").filter(Boolean);
}
