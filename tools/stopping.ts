import { setTimeout as sleep } from "node:timers/promises";
import { STACK_LABEL } from "../components/names.ts";
import { docker } from "./sweep/docker.ts";

/** Seconds that docker gives any container of a stack from the first signal to the second, and some for a busy machine. */
const STOPPING_SECONDS = 20;

const POLL_MS = 500;

/**
 * Containers that docker has sent a signal and that have not ended since.
 * @param events of docker, the oldest first: lines of an action and the container's name, with a tab between them
 */
export function stopping(events: string): string[] {
  const signalled = new Set<string>();
  for (const line of events.split("\n").filter(Boolean)) {
    const [action = "", name = ""] = line.split("\t");
    if (action === "kill") signalled.add(name);
    else signalled.delete(name);
  }
  return [...signalled];
}

/**
 * Waits for the containers of a stack that docker is about to stop, on this machine. A pulumi that was interrupted is gone,
 * what it had asked for goes on, and until the end of it docker and the next `pulumi up` take such a container for one that runs.
 * @returns a sentence for each of them; none where docker does not answer, which is for others to say
 */
export async function awaitStopping(stack: string): Promise<string[]> {
  const own = ["--filter", `label=${STACK_LABEL}=${stack}`];
  const events = await docker(
    ...["events", "--since", `${STOPPING_SECONDS}s`, "--until", "0s", ...own],
    ...["--filter", "event=kill", "--filter", "event=die"],
    ...["--format", "{{.Action}}\t{{.Actor.Attributes.name}}"],
  ).catch(() => "");
  const names = stopping(events);
  const end = Date.now() + STOPPING_SECONDS * 1000;
  for (let left = names; left.length > 0 && Date.now() < end;) {
    await sleep(POLL_MS);
    const running = (await docker("ps", ...own, "--format", "{{.Names}}")).split("\n");
    left = left.filter((name) => running.includes(name));
  }
  return names.map((name) => `waited for ${name}, which docker had been asked to stop`);
}
