import path from "node:path";
import { DaemonBook } from "./daemons.ts";
import {
  type Backend,
  type ShellEnvironment,
  childEnvironment,
  detectBackend,
  shellEnvironment,
} from "./environment.ts";
import { atLeast } from "./host.ts";
import { TaskLog } from "./log.ts";
import { type Paths, type Versions, readVersions } from "./paths.ts";

/** What every task gets: where things are, which versions, and a way to speak. */
export interface Context {
  readonly paths: Paths;
  readonly versions: Versions;
  /** The environment set-up was started with. */
  readonly env: NodeJS.ProcessEnv;
  readonly backend: Backend;
  readonly shell: ShellEnvironment;
  /** For what set-up starts: `env` with the project's tools first. */
  readonly childEnv: NodeJS.ProcessEnv;
  readonly daemons: DaemonBook;
  readonly log: (task: string) => TaskLog;
  /** Tells the user something that happens to the machine. */
  readonly say: (task: string, sentence: string) => void;
}

/** Gathers the context; changes nothing. */
export function createContext(
  paths: Paths,
  env: NodeJS.ProcessEnv,
  say: Context["say"] = () => {},
): Context {
  const backend = detectBackend(paths, env);
  const shell = shellEnvironment(paths, backend, missingNode(env));
  return {
    paths,
    versions: readVersions(paths),
    env,
    backend,
    shell,
    childEnv: childEnvironment(shell, env),
    daemons: new DaemonBook(paths.run),
    log: (task) => new TaskLog(paths.logs, task),
    say,
  };
}

/** The folder of the Node that runs us, where the user's shell finds none that runs TypeScript. */
function missingNode(env: NodeJS.ProcessEnv): string | undefined {
  const found = env.OVERCLOUD_SHELL_NODE;
  return found === undefined || atLeast(found, "22.18")
    ? undefined
    : path.dirname(process.execPath);
}
