import { randomBytes } from "node:crypto";

/** A new seed: 256 bits, as a JSON text on the step's output, which is secret. */
export function generateSeed(): Promise<string> {
  return Promise.resolve(randomBytes(32).toString("base64url"));
}
