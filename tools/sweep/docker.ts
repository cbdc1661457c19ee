import { execa } from "execa";
import { engineEnvironment, type Engine } from "../../components/docker-hosts/engine.ts";
import { labelOf, KEEPER_NAME, STACK_LABEL, TUNNELS_NAME } from "../../components/names.ts";
import type { Finding, Kind } from "./findings.ts";

/** What this machine's docker prints. */
export function docker(...args: string[]): Promise<string> {
  return dockerOn({}, ...args);
}

/** What docker prints of another engine. */
export async function dockerOn(engine: Engine, ...args: string[]): Promise<string> {
  const env = engineEnvironment(engine);
  return (await execa("docker", args, { stdin: "ignore", timeout: 120_000, env })).stdout;
}

/** What docker has with a stack's label. */
interface Kept {
  kind: Kind;
  list: string[];
  remove: string[];
}

const KEPT: Kept[] = [
  {
    kind: "container",
    list: ["ps", "--all", "--format", "{{.Names}}\t{{.State}}"],
    remove: ["rm", "--force", "--volumes"],
  },
  {
    kind: "network",
    list: ["network", "ls", "--format", "{{.Name}}\t{{.Driver}}"],
    remove: ["network", "rm"],
  },
  {
    kind: "volume",
    list: ["volume", "ls", "--format", "{{.Name}}\t{{.Driver}}"],
    remove: ["volume", "rm"],
  },
  {
    kind: "image",
    list: ["images", "--format", "{{.Repository}}:{{.Tag}}\t{{.Size}}"],
    // Not by force: one that another stack's container runs from stays.
    remove: ["rmi"],
  },
];

/** Everything that an engine, this machine's by default, has with a stack's label. */
export async function findInDocker(stack: string, engine: Engine = {}): Promise<Finding[]> {
  const found = await Promise.all(
    KEPT.map(async ({ kind, list, remove }) => {
      const [command = "", ...options] = list;
      const own = command === "network" || command === "volume" ? options.splice(0, 1) : [];
      const filter = ["--filter", `label=${STACK_LABEL}=${stack}`];
      const output = await dockerOn(engine, command, ...own, ...filter, ...options);
      return (
        output
          .split("\n")
          .map((line) => line.split("\t"))
          // Layers that a build left without a name are docker's to prune.
          .filter(([name = ""]) => name !== "" && !name.startsWith("<none>"))
          .map(([name = "", detail = ""]): Finding => ({
            ...{ kind, name, detail },
            remove: async () => {
              await dockerOn(engine, ...remove, name).catch((error: unknown) =>
                explain(engine, name, error),
              );
            },
          }))
      );
    }),
  );
  return found.flat();
}

/** Where a container was killed while docker was making it, docker 20 can keep its end of a network, which then nobody can remove. */
async function explain(engine: Engine, name: string, error: unknown): Promise<never> {
  if (!/network .* has active endpoints/.test(String((error as Error).message))) throw error;
  const format = "{{range .Containers}}{{.Name}} {{end}}";
  const users = await dockerOn(engine, "network", "inspect", "--format", format, name);
  throw new Error(
    users.trim() === ""
      ? "docker counts a container on it that there is not: restart docker's daemon and sweep again"
      : `it is used by ${users.trim().replaceAll(" ", ", ")}: remove or disconnect what that is`,
    { cause: error },
  );
}

/**
 * The prefix of the names of what a stack made, as its network or one of its containers tells.
 * @returns undefined where docker has neither
 */
export async function prefixIn(stack: string): Promise<string | undefined> {
  const filter = ["--filter", `label=${STACK_LABEL}=${stack}`];
  const networks = await docker("network", "ls", ...filter, "--format", "{{.Name}}");
  const [network] = networks
    .split("\n")
    .filter((name) => name !== "" && !name.endsWith(`-${TUNNELS_NAME}`));
  if (network !== undefined) return network;
  const parts = ["role", "service", "index"].map((key) => `{{.Label "${labelOf(key)}"}}`);
  const format = ["{{.Names}}", ...parts].join("\t");
  const containers = await docker("ps", "--all", ...filter, "--format", format);
  for (const line of containers.split("\n").filter(Boolean)) {
    const [name = "", role = "", service = "", index = ""] = line.split("\t");
    const rest = role === KEEPER_NAME ? role : service || `compute-${index}`;
    if (name.endsWith(`-${rest}`)) return name.slice(0, -rest.length - 1);
  }
  return undefined;
}

/** Environment of a stack's container with a role; undefined where there is none. */
export async function environmentOf(
  stack: string,
  role: string,
): Promise<Record<string, string> | undefined> {
  const filter = ["--filter", `label=${STACK_LABEL}=${stack}`];
  const own = ["--filter", `label=${labelOf("role")}=${role}`];
  const [id] = (await docker("ps", "--all", "--quiet", ...filter, ...own)).split("\n");
  if (!id) return undefined;
  const json = await docker("inspect", "--format", "{{json .Config.Env}}", id);
  return Object.fromEntries(
    (JSON.parse(json) as string[]).map((line) => {
      const [key = ""] = line.split("=", 1);
      return [key, line.slice(key.length + 1)];
    }),
  );
}
