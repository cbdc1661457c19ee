import * as pulumi from "@pulumi/pulumi";
import { STACK_NAME } from "../components/names.ts";
import { PROJECT_DIRECTORY } from "../components/project.ts";
import { readHostFacts, type HostFacts } from "./host.ts";
import { parseSettings } from "./parse.ts";
import type { Settings } from "./schema.ts";
import { parseValue } from "./value.ts";

/**
 * The settings of the stack that Pulumi is working on, and what they were checked against.
 * @throws pulumi.RunError with one line per problem; Pulumi shows it without a stack trace
 */
export async function loadSettings(): Promise<{ settings: Settings; host: HostFacts }> {
  const stack = pulumi.getStack();
  const misplaced = misplacement(stack, PROJECT_DIRECTORY);
  if (misplaced !== undefined) throw new pulumi.RunError(misplaced);
  const raw = readConfig(pulumi.runtime.allConfig(), pulumi.getProject());
  if (raw["names"] === "" || raw["names"] === undefined) raw["names"] = stack;
  try {
    return await parseSettings(raw, (ports, hosts) => readHostFacts(stack, ports, hosts));
  } catch (error) {
    throw new pulumi.RunError(error instanceof Error ? error.message : String(error));
  }
}

/**
 * What can't be said of a key, because it is about names that the program doesn't choose: they end up in paths, in
 * configurations of ssh and ansible, and in commands.
 * @returns one sentence; undefined where all is well
 */
export function misplacement(stack: string, directory: string): string | undefined {
  if (!STACK_NAME.test(stack)) {
    return `The stack's name ${JSON.stringify(stack)} must begin with a letter or a digit: its files are in a folder of that name.`;
  }
  if (!/^[\p{L}\p{N} ._+@,=~()%/-]+$/u.test(directory)) {
    return `The project's folder ${JSON.stringify(directory)} has characters that ssh or ansible take for something else: move it to a path of letters, digits, spaces and . _ + @ , = ~ ( ) % - alone.`;
  }
  return undefined;
}

/**
 * The project's own keys out of Pulumi's configuration, which holds every value as text and every list or object as
 * JSON. What is not JSON stays text, so that the schema reports it with the value that the user wrote.
 */
export function readConfig(all: Record<string, string>, project: string): Record<string, unknown> {
  const own = Object.entries(all)
    .filter(([key]) => key.startsWith(`${project}:`))
    .map(([key, text]): [string, unknown] => [key.slice(project.length + 1), parseValue(text)]);
  return Object.fromEntries(own);
}

/**
 * Whether something in a key of the project's own is secret. Pulumi decrypts all of it, and gives the names of the keys
 * to who runs the program.
 */
export function isSecretKey(
  key: string,
  project: string,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): boolean {
  const names = environment["PULUMI_CONFIG_SECRET_KEYS"];
  // Better too much than too little, should Pulumi stop telling.
  if (names === undefined) return true;
  return (JSON.parse(names) as string[]).includes(`${project}:${key}`);
}
