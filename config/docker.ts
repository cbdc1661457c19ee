import { execa, ExecaError } from "execa";
import { engineEnvironment, type Engine } from "../components/docker-hosts/engine.ts";
import { labelOf, STACK_LABEL } from "../components/names.ts";

/** How long an engine may take to answer, in ms; by ssh, that includes the way there. */
const PATIENCE_MS = 10_000;

/**
 * What `docker` prints.
 * @throws Error, a few words in one line, when it fails or takes longer than 10 s
 */
export async function docker(engine: Engine, ...args: string[]): Promise<string> {
  try {
    const env = engineEnvironment(engine);
    return (await execa("docker", args, { timeout: PATIENCE_MS, stdin: "ignore", env })).stdout;
  } catch (error) {
    throw new Error(reasonOf(error), { cause: error });
  }
}

/** What docker lists, one array of the fields for each thing. */
export async function rows(
  engine: Engine,
  [command, ...options]: readonly [string, ...string[]],
  fields: readonly string[],
): Promise<string[][]> {
  const format = fields.map((field) => `{{${field}}}`).join("\t");
  const output = await docker(engine, command, ...options, "--format", format);
  return output
    .split("\n")
    .filter(Boolean)
    .map((line) => line.split("\t"));
}

/** A label of this project's as a field. */
export function label(key: string): string {
  return `.Label "${key === "stack" ? STACK_LABEL : labelOf(key)}"`;
}

/** One line: what docker said, or why it could not. */
function reasonOf(error: unknown): string {
  if (!(error instanceof ExecaError)) return String(error);
  if (error.code === "ENOENT") return "docker is not on PATH";
  if (error.timedOut) return `no answer within ${PATIENCE_MS / 1000} s`;
  const [said = ""] = String(error.stderr ?? "")
    .trim()
    .split("\n");
  return said || (error.shortMessage.split("\n")[0] ?? "");
}
