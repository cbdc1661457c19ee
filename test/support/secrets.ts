import assert from "node:assert/strict";
import { globSync, readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { execa } from "execa";
import { z } from "zod";
import { deriveCredentials } from "../../components/credentials/derive.ts";
import { docker, type ScratchStack } from "../../tools/scratch-stack.ts";

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
  const { passwords, fernetKeys, credentialKeys, tlsKeys } = deriveCredentials(seed);
  const openrc = readFileSync((await stack.outputs()).openrc, "utf8");
  assert.ok(openrc.includes(passwords.admin), "the seed is the one in use");
  // Of a key in PEM, the line that is the key.
  const keys = Object.values(tlsKeys).map((pem) => pem.split("\n")[1] ?? "");
  return [
    seed,
    ...[passwords, fernetKeys, credentialKeys].flatMap((each) => Object.values(each)),
    ...keys,
  ];
}

/**
 * Fails where a secret of the stack can be read by who should not: in state, previews, logs, arguments of processes, what
 * docker tells of containers and images, files that others than their owner may read, on this machine and in containers.
 */
export async function expectHidden(
  stack: ScratchStack,
  containers: readonly string[],
): Promise<void> {
  const secrets = await everySecret(stack);
  assert.ok(secrets.length > 12 && secrets.every((secret) => secret.length >= 32));
  const output = dirname((await stack.outputs()).cloudsYaml);
  const images = (await docker("inspect", "--format", "{{.Image}}", ...containers)).split("\n");
  const history = ["history", "--no-trunc", "--format", "{{.CreatedBy}}"];
  const places = {
    "docker inspect": await docker("inspect", ...containers),
    "docker image inspect": await docker("image", "inspect", ...new Set(images)),
    "docker history": await docker(...history, images[0] ?? ""),
    "what containers print": (await Promise.all(containers.map(printedBy))).join("\n"),
    state: await stack.pulumi("stack", "export", "--stack", stack.name),
    preview: await stack.pulumi("preview", "--diff", "--stack", stack.name),
    "arguments of processes": globSync("/proc/[0-9]*/cmdline").map(readQuietly).join("\n"),
    "logs of steps": globSync(`${output}/logs/*.log`).map(readQuietly).join("\n"),
  };
  for (const [place, text] of Object.entries(places)) {
    assert.ok(text.length > 0, place);
    for (const secret of secrets) assert.ok(!text.includes(secret), `a secret is in ${place}`);
  }
  expectPrivate(output, secrets);
  for (const container of containers) await expectPrivateIn(container, secrets);
}

/** The folder and what is in it are its owner's alone wherever a secret is in it. */
function expectPrivate(output: string, secrets: readonly string[]): void {
  assert.equal(statSync(output).mode & 0o077, 0, `${output} is open to others`);
  const files = globSync(`${output}/**/*`, { withFileTypes: true }).filter((file) => file.isFile());
  const holding = files
    .map((file) => `${file.parentPath}/${file.name}`)
    .filter((file) => secrets.some((secret) => readQuietly(file).includes(secret)));
  assert.ok(holding.length >= 2, "clouds.yaml and openrc hold the administrator's password");
  for (const file of holding) assert.equal(statSync(file).mode & 0o077, 0, `${file} is readable`);
}

/** No file that everybody in the container may read holds a secret. */
async function expectPrivateIn(container: string, secrets: readonly string[]): Promise<void> {
  // The patterns come on standard input, lest they stand in arguments.
  const script = [
    "cat > /dev/shm/secrets && chmod 0600 /dev/shm/secrets",
    "find /etc /root /run /tmp /var -xdev -type f -perm -o=r -print0 2>/dev/null |",
    "  xargs -0 --no-run-if-empty grep -l -F -f /dev/shm/secrets 2>/dev/null",
    "rm /dev/shm/secrets",
  ].join("\n");
  const { stdout } = await execa("docker", ["exec", "-i", container, "sh", "-c", script], {
    input: `${secrets.join("\n")}\n`,
    timeout: 120_000,
  });
  assert.equal(stdout, "", `everybody in ${container} may read a secret there`);
}

/** Everything that a container has printed, on either stream. */
async function printedBy(container: string): Promise<string> {
  const { all } = await execa("docker", ["logs", container], { all: true, stdin: "ignore" });
  return all;
}

/** A process may have ended since it was listed. */
export function readQuietly(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
