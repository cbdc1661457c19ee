import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { closeSync, existsSync, openSync } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import type { Action } from "../step/action.ts";
import { bmcFiles, daemonOf, processesOf, SETTINGS_VARIABLE, type BmcFiles } from "./daemon.ts";
import type { BmcPlan } from "./plan.ts";

export interface DaemonArgs {
  /** The stack's folder for its BMCs. */
  directory: string;
  /** Path of vbmcd. */
  program: string;
}

export type NodeArgs = Omit<BmcPlan, "node"> & { directory: string; libvirtUri: string };

/** Seconds that the daemon may take to start, to notice a change of a BMC (it looks every 3 s), and to end. */
const START_SECONDS = 30;
const CHANGE_SECONDS = 20;
const END_SECONDS = 10;

/** Starts the stack's daemon in a session of its own, where nothing of `pulumi` ends it; nothing when it runs. */
export const startDaemon: Action<DaemonArgs> = async (
  { directory, program },
  { report, signal },
) => {
  const files = bmcFiles(directory);
  await mkdir(files.nodes, { recursive: true, mode: 0o700 });
  await writeFile(files.settings, settingsText(files), { mode: 0o600 });
  if (daemonOf(files) === undefined) {
    // Children of a daemon that was killed live on, and hold its ports.
    await endProcesses(files);
    await rm(files.pid, { force: true });
    const log = openSync(files.log, "a", 0o600);
    const child = spawn(program, ["--foreground"], {
      detached: true,
      cwd: "/",
      stdio: ["ignore", log, log],
      env: { PATH: process.env["PATH"], HOME: homedir(), [SETTINGS_VARIABLE]: files.settings },
    });
    closeSync(log);
    let failure: string | undefined;
    child.once("error", ({ message }) => {
      failure = `${program} can't be started (${message}); run \`npm run setup\``;
    });
    child.once("exit", () => {
      failure = `vbmcd ended at once, see ${files.log}`;
    });
    const started = await until(START_SECONDS, signal, () => {
      if (failure !== undefined) throw new Error(failure);
      return daemonOf(files) !== undefined;
    });
    if (!started) {
      throw new Error(`vbmcd is not there ${START_SECONDS} s after its start, see ${files.log}`);
    }
    child.unref();
    report(`vbmcd runs, its log is ${files.log}`);
  }
};

/** Ends the stack's daemon with its BMCs and removes their files. */
export const stopDaemon: Action<{ directory: string }> = async ({ directory }) => {
  await endProcesses(bmcFiles(directory));
  await rm(directory, { recursive: true, force: true });
};

/** Configures a BMC, which the daemon then starts, and makes sure that it answers. The password is the step's input. */
export const addNode: Action<NodeArgs> = async (args, { signal, readInput }) => {
  const password = await readInput();
  const { folder, config } = nodeFiles(args);
  const wanted = configText(args, password);
  const current = await readFile(config, "utf8").catch(() => undefined);
  if (current !== wanted) {
    if (current !== undefined) await deactivate(args, signal);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeWhole(config, wanted);
  }
  const answer = await until(CHANGE_SECONDS, signal, () => powerOf(args, password, signal));
  if (answer === undefined) {
    throw new Error(
      `the BMC of ${args.domainName} does not answer at ${args.address} port ${args.port}, see ${bmcFiles(args.directory).log}`,
    );
  }
  return { power: answer };
};

/** Ends a BMC and removes its configuration. */
export const removeNode: Action<Omit<NodeArgs, "username" | "libvirtUri">> = async (
  args,
  { signal },
) => {
  const { folder, config } = nodeFiles(args);
  if (existsSync(config)) await deactivate(args, signal);
  await rm(folder, { recursive: true, force: true });
};

function settingsText({ nodes, pid }: BmcFiles): string {
  // Any free port for vbmcd's own commands, which nobody uses: what counts is in files.
  return `[default]\nconfig_dir = ${nodes}\npid_file = ${pid}\nserver_port = 0\nshow_passwords = false\n`;
}

function nodeFiles({ directory, domainName }: { directory: string; domainName: string }) {
  const folder = join(bmcFiles(directory).nodes, domainName);
  return { folder, config: join(folder, "config") };
}

/** The configuration of a BMC, as Python's configparser reads it. */
export function configText(
  { domainName, address, port, username, libvirtUri }: NodeArgs,
  password: string,
): string {
  const options = {
    username,
    password,
    domain_name: domainName,
    libvirt_uri: libvirtUri,
    address,
    port,
    active: true,
  };
  const lines = Object.entries(options).map(([key, value]) => {
    const text = String(value);
    if (/[\r\n]/.test(text)) throw new Error(`${key} of ${domainName} has more than one line`);
    // Percent signs are references to other options.
    return `${key} = ${text.replaceAll("%", "%%")}\n`;
  });
  return `[VirtualBMC]\n${lines.join("")}`;
}

/** Has the daemon, where it runs, end a BMC that is configured, and waits until its port is free. */
async function deactivate(
  args: { directory: string; domainName: string },
  signal: AbortSignal,
): Promise<void> {
  const { config } = nodeFiles(args);
  const text = await readFile(config, "utf8");
  await writeWhole(config, text.replace("active = true", "active = false"));
  const [, address = ""] = /^address = (.*)$/m.exec(text) ?? [];
  const [, port = ""] = /^port = (.*)$/m.exec(text) ?? [];
  if (!(await until(CHANGE_SECONDS, signal, () => isFree(address, Number(port))))) {
    throw new Error(`something still listens at ${address} port ${port}`);
  }
}

/** Whether nothing listens on a UDP port; an address that is not there any more counts as free. */
function isFree(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket("udp4");
    socket.once("error", (error: NodeJS.ErrnoException) => {
      socket.close();
      resolve(error.code !== "EADDRINUSE");
    });
    socket.bind({ address, port, exclusive: true }, () => socket.close(() => resolve(true)));
  });
}

/** What the BMC says of its node's power, `on` or `off`; undefined while it does not answer. */
async function powerOf(
  { address, port, username }: NodeArgs,
  password: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { stdout } = await execa(
    "ipmitool",
    [
      ...["-I", "lanplus", "-H", address, "-p", String(port), "-U", username],
      ...["-E", "-R", "1", "-N", "2", "chassis", "power", "status"],
    ],
    {
      env: { IPMI_PASSWORD: password },
      stdin: "ignore",
      reject: false,
      timeout: 15_000,
      cancelSignal: signal,
    },
  );
  return /Chassis Power is (on|off)/.exec(stdout)?.[1];
}

async function endProcesses(files: BmcFiles): Promise<void> {
  const send = (pids: number[], how: NodeJS.Signals) => {
    for (const pid of pids) {
      try {
        process.kill(pid, how);
      } catch {
        // It ended meanwhile.
      }
    }
  };
  // The daemon ends its children itself.
  const daemon = daemonOf(files);
  send(daemon === undefined ? processesOf(files) : [daemon], "SIGTERM");
  const none = () => processesOf(files).length === 0;
  if (await until(END_SECONDS, undefined, none)) return;
  send(processesOf(files), "SIGKILL");
  await until(END_SECONDS, undefined, none);
}

/** Written beside and renamed: the daemon never reads half a file. */
async function writeWhole(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

/** Asks until the answer is neither false nor undefined; undefined when the time is over. */
async function until<T>(
  seconds: number,
  signal: AbortSignal | undefined,
  ask: () => T | Promise<T>,
): Promise<T | undefined> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    signal?.throwIfAborted();
    if (Date.now() > end) return undefined;
    await sleep(300, undefined, { signal });
  }
}
