import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { z } from "zod";
import { deriveCredentials } from "../../components/credentials/derive.ts";
import type { ScratchStack } from "../../tools/scratch-stack.ts";

/** The seed of the stack's credentials and everything derived from it. */
export async function everySecret(stack: ScratchStack): Promise<string[]> {
  const exported = await stack.pulumi("stack", "export", "--show-secrets", "--stack", stack.name);
  const { deployment } = z
    .object({ deployment: z.object({ resources: z.array(z.looseObject({ urn: z.string() })) }) })
    .parse(JSON.parse(exported));
  const generated = deployment.resources.find(({ urn }) =>
    urn.endsWith("command:local:Command::credentials"),
  );
  const { outputs } = z
    .object({ outputs: z.object({ stdout: z.object({ plaintext: z.string() }) }) })
    .parse(generated);
  const seed = JSON.parse(JSON.parse(outputs.stdout.plaintext) as string) as string;
  const { passwords, fernetKeys, credentialKeys } = deriveCredentials(seed);
  const openrc = readFileSync((await stack.outputs()).openrc, "utf8");
  assert.ok(openrc.includes(passwords.admin), "the seed is the one in use");
  return [seed, ...[passwords, fernetKeys, credentialKeys].flatMap((each) => Object.values(each))];
}

/** A process may have ended since it was listed. */
export function readQuietly(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
