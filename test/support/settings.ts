import type { HostFacts } from "../../config/host.ts";
import { settingsSchema, type Settings } from "../../config/schema.ts";

/** A machine that everything fits on. */
export const ROOMY: HostFacts = {
  memoryMb: 1_000_000,
  routes: [],
  portsInUse: [],
  foreignNames: [],
  stopped: [],
  engines: [],
  placed: new Map(),
  images: [],
};

/** Settings for tests of what comes after them; no rule that involves several keys or the host is applied. */
export function settingsOf(raw: Record<string, unknown> = {}): Settings {
  return settingsSchema.parse({ names: "t", ...raw });
}
