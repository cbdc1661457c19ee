import type { z } from "zod";
import type { HostFacts } from "./host.ts";
import { checkEnvironmentFiles } from "./overcloud.ts";
import { checkPlaybooks } from "./playbooks.ts";
import { problemsOf, SettingsError, type Problem } from "./problems.ts";
import { checkHost, checkSettings } from "./rules.ts";
import { settingsSchema, type Settings } from "./schema.ts";

/**
 * Settings from what the stack's configuration holds, and the machine's facts. Every problem is found before any is reported: wrong values give
 * way to their defaults while rules are checked, and problems that rest on one of those defaults are left out.
 * @param raw the configuration, keys without namespace
 * @param readHost looks at the machine, and at the docker hosts
 * @throws SettingsError naming every key that is wrong; what readHost throws, if no key is
 */
export async function parseSettings(
  raw: Record<string, unknown>,
  readHost: (ports: number[], hosts: Settings["hosts"]) => Promise<HostFacts>,
): Promise<{ settings: Settings; host: HostFacts }> {
  const deep = Object.keys(raw).filter((key) => depthOf(raw[key]) > MOST_LEVELS);
  if (deep.length > 0) {
    const message = `must not have more than ${MOST_LEVELS} levels of lists and objects`;
    throw new SettingsError(deep.map((key) => ({ key, message })));
  }
  const parsed = settingsSchema.safeParse(raw);
  const settings = deepFreeze(parsed.success ? parsed.data : parseRest(raw, parsed.error));
  const wrong = parsed.success ? [] : problemsOf(parsed.error, raw);
  const problems = [...wrong, ...checkSettings(settings).filter((each) => !rests(each, wrong))];
  const playbooks = await checkPlaybooks(settings.playbooks);
  problems.push(...playbooks.filter((each) => !rests(each, wrong)));
  if (settings.controlPlane === "tripleo") {
    const files = await checkEnvironmentFiles(settings.overcloud);
    problems.push(...files.filter((each) => !rests(each, wrong)));
  }
  let host: HostFacts | undefined;
  try {
    host = await readHost(Object.values(settings.ports), settings.hosts);
    problems.push(...checkHost(settings, host).filter((each) => !rests(each, wrong)));
  } catch (error) {
    if (problems.length === 0) throw error;
  }
  if (problems.length > 0 || host === undefined) throw new SettingsError(problems);
  return { settings, host };
}

/** Far more than any setting has, and far less than what ends a program that follows them. */
const MOST_LEVELS = 64;

/** Levels of lists and objects in a value; counting ends soon after the most that there may be. */
function depthOf(value: unknown): number {
  let level: unknown[] = [value];
  for (let depth = 0; depth <= MOST_LEVELS; depth += 1) {
    level = level.flatMap((each) =>
      typeof each === "object" && each !== null ? (Object.values(each) as unknown[]) : [],
    );
    if (level.length === 0) return depth;
  }
  return MOST_LEVELS + 1;
}

/** Whether the problem is about a key, or something in a block, that is wrong by itself. */
function rests({ key, involves = [] }: Problem, wrong: readonly Problem[]): boolean {
  return [key, ...involves].some((each) =>
    wrong.some((other) => each === other.key || each.startsWith(`${other.key}.`)),
  );
}

/** Settings from what is right of the configuration. What a block can't do without takes the block with it. */
function parseRest(raw: Record<string, unknown>, error: z.ZodError): Settings {
  let rest = withoutWrong(raw, error);
  for (;;) {
    const parsed = settingsSchema.safeParse(rest);
    if (parsed.success) return parsed.data;
    const blocks = parsed.error.issues.map((issue) => ({
      ...issue,
      path: issue.path.slice(0, -1),
    }));
    rest = withoutWrong(rest, { issues: blocks });
  }
}

/** What is left of the configuration without what zod found wrong. */
function withoutWrong(
  raw: Record<string, unknown>,
  error: Pick<z.ZodError, "issues">,
): Record<string, unknown> {
  const rest = structuredClone(raw);
  for (const issue of error.issues) {
    const wrong =
      issue.code === "unrecognized_keys"
        ? issue.keys.map((key) => [...issue.path, key])
        : [issue.path];
    for (const path of wrong) remove(rest, path);
  }
  // The one key without a default; no rule looks at it.
  return { names: "unnamed", ...rest };
}

/** A list goes as a whole: what is in it counts by its place, and may have nothing to give way to. */
function remove(settings: Record<string, unknown>, path: readonly PropertyKey[]): void {
  const list = path.findIndex((key) => typeof key === "number");
  const whole = list < 0 ? path : path.slice(0, list);
  let block: unknown = settings;
  for (const key of whole.slice(0, -1)) {
    if (typeof block !== "object" || block === null) return;
    block = (block as Record<PropertyKey, unknown>)[key];
  }
  const [last] = whole.slice(-1);
  if (last !== undefined && typeof block === "object" && block !== null) {
    delete (block as Record<PropertyKey, unknown>)[last];
  }
}

function deepFreeze<T extends object>(value: T): T {
  for (const child of Object.values(value)) {
    if (typeof child === "object" && child !== null) deepFreeze(child as object);
  }
  return Object.freeze(value);
}
