import { asSet } from "./sets.ts";

/** No program in a container gets rights by being started: not by its owner's bit, not by a file's capabilities. */
export const NO_NEW_PRIVILEGES = ["no-new-privileges:true"];

/** The capabilities that a container has, and no others. */
export function onlyCapabilities(...names: string[]): { drops: string[]; adds: string[] } {
  return { drops: ["ALL"], adds: asSet(names.map((name) => `CAP_${name}`)) };
}

/**
 * What a start script needs that takes files over as root and goes on as the service's own user, which keeps none of it; and
 * what the container's first process, which stays root, needs to tell that user's service to end.
 */
export const BECOME_USER = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID"];
