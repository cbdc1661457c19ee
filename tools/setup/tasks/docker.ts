import path from "node:path";
import { execa } from "execa";
import type { Context } from "../context.ts";
import { eventually, isAlive, tail } from "../daemons.ts";
import type { Task } from "../graph.ts";
import { asRoot, systemdRuns, which } from "../host.ts";
import { SetupError } from "../report.ts";

async function askDocker(): Promise<{ version?: string; error: string }> {
  const result = await execa("docker", ["info", "--format", "{{.ServerVersion}}"], {
    timeout: 10_000,
    reject: false,
    stdin: "ignore",
  });
  const version = result.stdout?.trim() ?? "";
  // Some clients exit with 0 although no daemon answered.
  return !result.failed && version !== "" ? { version, error: "" } : { error: result.stderr ?? "" };
}

/** Version of the docker daemon that answers; undefined when none does. */
export async function dockerVersion(): Promise<string | undefined> {
  return (await askDocker()).version;
}

/** A docker daemon that answers: the one that runs, the service's, or one started here. */
export function dockerTask(context: Context): Task {
  const name = "docker";
  return {
    name,
    needs: ["packages"],
    done: async () => {
      const version = await dockerVersion();
      return version === undefined ? undefined : `docker ${version}`;
    },
    run: async () => {
      const { error } = await askDocker();
      if (/permission denied/i.test(error)) {
        throw new SetupError(
          "The docker daemon runs, but this user may not use it: `sudo usermod -aG docker $USER`, log in again, or run this as root.",
        );
      }
      if (context.env.DOCKER_HOST !== undefined) {
        throw new SetupError(
          `DOCKER_HOST is ${context.env.DOCKER_HOST} and nothing answers there: start that daemon, or unset DOCKER_HOST.`,
        );
      }
      const log = context.log(name);
      if (systemdRuns()) {
        context.say(name, "starting the service docker (systemctl start docker)");
        const argv = ["systemctl", "start", "docker"];
        const [command = "", ...args] = await asRoot(argv, "Starting docker");
        await log.run(command, args, { timeoutSeconds: 120 });
      } else {
        return startDaemon(context, name);
      }
      const version = await eventually(dockerVersion, 60);
      if (version !== undefined) return `docker ${version}`;
      throw new SetupError(
        "The service docker was started but does not answer: see `journalctl -u docker`.",
      );
    },
  };
}

/** How often dockerd is started, and how long each waits to answer, in seconds. */
const starts = 4;
const patienceSeconds = 60;

/**
 * Starts dockerd where nothing manages services. It is started again when it ends before it answers:
 * it gives its containerd 15 seconds, which a machine whose disk is busy can take longer than.
 */
async function startDaemon(context: Context, task: string): Promise<string> {
  const file = path.join(context.paths.logs, "dockerd.log");
  const binary = which("dockerd") ?? "dockerd";
  for (let start = 1; start <= starts; start += 1) {
    const started = await context.daemons.start("dockerd", [binary], file);
    context.say(
      task,
      `no service manager here: started dockerd (pid ${started.pid}, npm run daemons:stop ends it)`,
    );
    const version = await eventually(dockerVersion, patienceSeconds, () => !isAlive(started));
    if (version !== undefined) return `docker ${version}`;
    if (isAlive(started)) break;
    const last = tail(file, 1).join("");
    context.say(task, `dockerd ended before it answered (start ${start} of ${starts}): ${last}`);
  }
  throw new SetupError(`dockerd was started but does not answer; its log is ${file}.`, tail(file));
}
