import type { HostFacts } from "./host.ts";
import { problemsOf, SettingsError, type Problem } from "./problems.ts";
import { checkHost, checkSettings } from "./rules.ts";
import { settingsSchema, type Settings } from "./schema.ts";

/**
 * Settings from what the stack's configuration holds. Every problem is found before any is reported.
 * @param raw the configuration, keys without namespace
 * @param readHost looks at the machine; called only when the settings make sense by themselves
 * @throws SettingsError naming every key that is wrong
 */
export async function parseSettings(
  raw: Record<string, unknown>,
  readHost: (ports: number[]) => Promise<HostFacts>,
): Promise<Settings> {
  const parsed = settingsSchema.safeParse(raw);
  if (!parsed.success) throw new SettingsError(problemsOf(parsed.error, raw));
  const settings = deepFreeze(parsed.data);
  const problems: Problem[] = checkSettings(settings);
  problems.push(...checkHost(settings, await readHost(Object.values(settings.ports))));
  if (problems.length > 0) throw new SettingsError(problems);
  return settings;
}

function deepFreeze<T extends object>(value: T): T {
  for (const child of Object.values(value)) {
    if (typeof child === "object" && child !== null) deepFreeze(child as object);
  }
  return Object.freeze(value);
}
