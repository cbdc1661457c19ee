import { label, docker, rows } from "../../config/docker.ts";
import type { HostFacts } from "../../config/host.ts";
import type { DockerHost } from "../../config/hosts.ts";

export interface PausedArgs {
  stack: string;
  /** Docker hosts of the stack, this machine first; none where this machine is the only one. */
  hosts: readonly DockerHost[];
  stopped: HostFacts["stopped"];
}

/**
 * Lets the stack's paused containers go on, on all of its docker hosts. docker counts them as running, and so does Pulumi:
 * nothing else starts them again.
 * @throws Error, a few words in one line, when docker can't
 */
export async function resumePaused({ stack, hosts, stopped }: PausedArgs): Promise<void> {
  if (stopped.every(({ state }) => state !== "paused")) return;
  for (const engine of [{}, ...hosts.slice(1)]) {
    const paused = await rows(engine, ["ps", "--filter", "status=paused"], [".ID", label("stack")]);
    const own = paused.flatMap(([id = "", owner]) => (owner === stack ? [id] : []));
    if (own.length > 0) await docker(engine, "unpause", ...own);
  }
}
