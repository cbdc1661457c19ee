import { settingsSchema, type Settings } from "../../config/schema.ts";

/** Settings for tests of what comes after them; no rule that involves several keys or the host is applied. */
export function settingsOf(raw: Record<string, unknown> = {}): Settings {
  return settingsSchema.parse({ names: "t", ...raw });
}
