import { createServer } from "node:net";
import { totalmem } from "node:os";
import { execa, ExecaError } from "execa";
import { STACK_LABEL } from "../components/names.ts";

/** What the machine has and uses, as far as settings must agree with it. What the stack itself uses is left out. */
export interface HostFacts {
  /** Memory of the machine in MiB. */
  memoryMb: number;
  /** IPv4 networks that the machine has routes to, default routes left out. */
  routes: { cidr: string; device: string }[];
  /** Those of the asked loopback ports that something else listens on. */
  portsInUse: number[];
}

/**
 * Looks at the machine. Takes well under a second and changes nothing.
 * @throws Error, one sentence, when the docker daemon does not answer.
 */
export async function readHostFacts(stack: string, ports: readonly number[]): Promise<HostFacts> {
  const label = `label=${STACK_LABEL}=${stack}`;
  const [ownPorts, ownNetworks, routes, busy] = await Promise.all([
    docker("ps", "--filter", label, "--format", "{{.Ports}}"),
    docker("network", "ls", "--filter", label, "--format", "{{.ID}}"),
    readRoutes(),
    Promise.all(ports.map(async (port) => ((await isFree(port)) ? [] : [port]))),
  ]);
  const own = new Set([...ownPorts.matchAll(/:(\d+)->/g)].map(([, port]) => Number(port)));
  const ownBridges = new Set(ownNetworks.split("\n").map((id) => `br-${id.slice(0, 12)}`));
  return {
    memoryMb: Math.floor(totalmem() / 2 ** 20),
    routes: routes.filter(({ device }) => !ownBridges.has(device)),
    portsInUse: busy.flat().filter((port) => !own.has(port)),
  };
}

async function docker(...args: string[]): Promise<string> {
  try {
    return (await execa("docker", args, { timeout: 10_000, stdin: "ignore" })).stdout;
  } catch (error) {
    throw new Error(
      `The docker daemon does not answer (${reasonOf(error)}); start it, or run \`npm run setup\`.`,
      { cause: error },
    );
  }
}

/** One line: what docker said, or why it could not. */
function reasonOf(error: unknown): string {
  if (!(error instanceof ExecaError)) return String(error);
  if (error.code === "ENOENT") return "docker is not on PATH";
  const [said = ""] = String(error.stderr ?? "")
    .trim()
    .split("\n");
  return said || (error.shortMessage.split("\n")[0] ?? "");
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
