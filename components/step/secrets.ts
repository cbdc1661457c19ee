/** Shorter values are words like any other: to replace them would make a log unreadable. */
const SHORTEST = 6;

/** Replaces secrets in a text that others read; also as they look inside JSON, and single lines of long ones. */
export function hideSecrets(text: string, secrets: readonly string[]): string {
  return variants(secrets).reduce((rest, each) => rest.replaceAll(each, "[secret]"), text);
}

/** Longest first: a secret may hold another one. */
function variants(secrets: readonly string[]): string[] {
  const all = secrets.flatMap((secret) => [
    secret,
    JSON.stringify(secret).slice(1, -1),
    ...secret.split("\n"),
  ]);
  return [...new Set(all)]
    .filter((each) => each.trim().length >= SHORTEST)
    .sort((a, b) => b.length - a.length);
}
