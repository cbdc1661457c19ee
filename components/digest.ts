import { createHash } from "node:crypto";

/** A short text that changes when any of the texts does. */
export function digest(texts: readonly string[]): string {
  return createHash("sha256").update(texts.join("\n")).digest("hex").slice(0, 16);
}
