import { randomBytes } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import type { Paths } from "./paths.ts";

/** The Pulumi backend in use: the one the user is logged in to, or one inside the project folder. */
export interface Backend {
  readonly kind: "user" | "project";
  /** Where plugins and credentials are: PULUMI_HOME. */
  readonly home: string;
  /** For people. */
  readonly description: string;
  /** Where state and locks are, where that is a folder of this machine. */
  readonly folder?: string | undefined;
  /** What has to be set for pulumi to use it; nothing where it is the user's own. */
  readonly variables: Readonly<Record<string, string>>;
}

/** Finds out whether somebody is logged in; changes nothing. */
export function detectBackend(paths: Paths, env: NodeJS.ProcessEnv): Backend {
  const ours = `file://${path.join(paths.state, "backend")}`;
  // After `. .toolchain/env` our own settings are in the environment: that is not a login.
  const home = env.PULUMI_HOME === paths.pulumiHome ? undefined : env.PULUMI_HOME;
  const userHome = home ?? path.join(env.HOME ?? homedir(), ".pulumi");
  const url = env.PULUMI_BACKEND_URL === ours ? undefined : env.PULUMI_BACKEND_URL;
  const login =
    nonEmpty(url) ??
    (nonEmpty(env.PULUMI_ACCESS_TOKEN) === undefined ? undefined : "an access token") ??
    currentLogin(userHome);
  if (login !== undefined && login !== ours) {
    return {
      ...{ kind: "user", home: userHome, description: `your login (${login})`, variables: {} },
      folder: folderIn(login, env),
    };
  }
  return {
    kind: "project",
    home: paths.pulumiHome,
    description: ours,
    folder: path.join(paths.state, "backend"),
    variables: {
      PULUMI_HOME: paths.pulumiHome,
      PULUMI_BACKEND_URL: ours,
      PULUMI_CONFIG_PASSPHRASE_FILE: path.join(paths.state, "passphrase"),
    },
  };
}

/** The folder that a backend's URL means, as Pulumi takes it; undefined for any other backend. */
function folderIn(url: string, env: NodeJS.ProcessEnv): string | undefined {
  if (!url.startsWith("file://")) return undefined;
  const folder = url.slice("file://".length);
  return path.resolve(folder.replace(/^~(?=\/|$)/, env.HOME ?? homedir()));
}

function currentLogin(home: string): string | undefined {
  try {
    const text = readFileSync(path.join(home, "credentials.json"), "utf8");
    return nonEmpty((JSON.parse(text) as { current?: string }).current);
  } catch {
    return undefined;
  }
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === undefined || text === "" ? undefined : text;
}

/** Makes the project's own backend: its folder, and a passphrase generated once and never changed. */
export function createProjectBackend(paths: Paths): void {
  mkdirSync(paths.state, { recursive: true, mode: 0o700 });
  chmodSync(paths.state, 0o700);
  mkdirSync(path.join(paths.state, "backend"), { recursive: true });
  turnOffEngineLogs(paths);
  const passphrase = path.join(paths.state, "passphrase");
  if (existsSync(passphrase)) return;
  writeFileSync(`${passphrase}.tmp`, `${randomBytes(32).toString("base64url")}\n`, { mode: 0o600 });
  renameSync(`${passphrase}.tmp`, passphrase);
}

/** Whether {@link createProjectBackend} has nothing left to do. */
export function hasProjectBackend(paths: Paths): boolean {
  return (
    existsSync(path.join(paths.state, "passphrase")) &&
    existsSync(path.join(paths.state, "backend")) &&
    isFile(engineLogs(paths))
  );
}

/**
 * Pulumi records everything that its engine and plugins say at their most talkative, half a gigabyte before it deletes any, which
 * is a fifth of the CPU time of an update of many computes. It has no setting against that, but goes on without where it can't
 * make the folder: a file has its name. `pulumi --logtostderr -v=9` shows the same.
 */
function turnOffEngineLogs(paths: Paths): void {
  const logs = engineLogs(paths);
  if (isFile(logs)) return;
  rmSync(logs, { recursive: true, force: true });
  mkdirSync(paths.pulumiHome, { recursive: true });
  writeFileSync(logs, "A file, so that Pulumi makes no folder of this name: see docs/set-up.md.\n");
}

function isFile(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false })?.isFile() === true;
}

function engineLogs(paths: Paths): string {
  return path.join(paths.pulumiHome, "logs");
}

/** What a shell needs for plain `pulumi`: folders that come first on PATH, and variables. */
export interface ShellEnvironment {
  readonly path: readonly string[];
  readonly variables: Readonly<Record<string, string>>;
}

/** Folders for PATH, in the order of precedence. `node` is the folder of a Node that the PATH lacks. */
export function shellEnvironment(
  paths: Paths,
  backend: Backend,
  node: string | undefined,
): ShellEnvironment {
  return {
    path: [paths.bin, ...(node === undefined ? [] : [node])],
    variables: {
      ...backend.variables,
      PULUMI_SKIP_UPDATE_CHECK: "true",
      // The program and each step are read and compiled once, not at every start: half of what a start takes.
      NODE_COMPILE_CACHE: path.join(paths.toolchain, "compiled"),
    },
  };
}

/** The text of .toolchain/env. Sourcing it twice changes nothing more. */
export function renderShellEnvironment(environment: ShellEnvironment): string {
  const folders = environment.path.toReversed().map((folder) => {
    const quoted = shellQuote(folder);
    return `case ":$PATH:" in *:${quoted}:*) ;; *) PATH=${quoted}:"$PATH" ;; esac`;
  });
  const variables = Object.entries(environment.variables).map(
    ([name, value]) => `export ${name}=${shellQuote(value)}`,
  );
  return [
    "# Written by set-up, and again by every run of it. For sh, bash, zsh: . .toolchain/env",
    ...folders,
    "export PATH",
    ...variables,
    // Pulumi would prefer it, even empty, to the file.
    ...(environment.variables.PULUMI_CONFIG_PASSPHRASE_FILE === undefined
      ? []
      : ["unset PULUMI_CONFIG_PASSPHRASE"]),
    "",
  ].join("\n");
}

/** The environment for commands that set-up itself starts, the same as a shell that sourced the file. */
export function childEnvironment(
  environment: ShellEnvironment,
  env: NodeJS.ProcessEnv,
): NodeJS.ProcessEnv {
  const rest = (env.PATH ?? "").split(path.delimiter).filter((f) => !environment.path.includes(f));
  const { PULUMI_CONFIG_PASSPHRASE, ...others } = env;
  const ownPassphrase = environment.variables.PULUMI_CONFIG_PASSPHRASE_FILE === undefined;
  return {
    ...others,
    ...(ownPassphrase && { PULUMI_CONFIG_PASSPHRASE }),
    ...environment.variables,
    PATH: [...environment.path, ...rest].join(path.delimiter),
  };
}

function shellQuote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
