import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, openSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { PROJECT_DIRECTORY } from "../../components/project.ts";
import { eventually } from "./cloud.ts";

/** Name of the variable that tells a test file that it runs in namespaces of its own. */
const INSIDE = "OVERCLOUD_TEST_INSIDE";

/** Whether this process is in namespaces of its own already. */
export const isInside = process.env[INSIDE] !== undefined;

/** Seconds that dockerd may take to answer; its own limit for containerd is 15, after which it ends and is started again. */
const ANSWER_SECONDS = 120;

/**
 * Runs a test file in namespaces of its own for network, mounts and processes, of which nothing is left when it ends,
 * whatever way it does: a second docker daemon would take the firewall rules of the machine's own one apart. What it writes
 * to the folder of temporary files is removed, too.
 * @throws Error when a test of it fails; what failed is printed
 */
export async function runInside(file: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "overcloud-inside-"));
  const own = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
  // The shell waits for whatever has lost its parent, as the first process has to.
  const first = ["sh", "-c", '"$@" & wait $!', "sh"];
  const node = [process.execPath, "--disable-warning=ExperimentalWarning", "--test-reporter=spec"];
  try {
    await execa("unshare", [...own, "--propagation", "private", ...first, ...node, file], {
      // With the outer runner's mark it would report to that one instead of printing.
      env: { [INSIDE]: "yes", TMPDIR: folder, NODE_TEST_CONTEXT: undefined },
      stdio: ["ignore", "inherit", "inherit"],
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * A copy of the project in which the stack's image is the base image, with nothing built on it: for a daemon that has no cache
 * of layers, and no way to a package source.
 * @returns its folder, which is a temporary one
 */
export function projectWithoutBuild(): string {
  const folder = mkdtempSync(join(tmpdir(), "overcloud-project-"));
  for (const part of ["node_modules", ".toolchain"]) {
    symlinkSync(join(PROJECT_DIRECTORY, part), join(folder, part));
  }
  const program = ["package.json", "tsconfig.json", "Pulumi.yaml", "index.ts"];
  for (const part of [...program, "config", "components", "playbooks", "images"]) {
    cpSync(join(PROJECT_DIRECTORY, part), join(folder, part), { recursive: true });
  }
  writeFileSync(
    join(folder, "images/openstack/Dockerfile"),
    "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\n",
  );
  return folder;
}

/** A docker daemon besides the machine's own, in the namespaces that this process is in; what asks docker asks this one. */
export class DockerDaemon {
  readonly #folder = mkdtempSync(join(tmpdir(), "docker-"));
  readonly #address = `unix://${this.#folder}/socket`;
  #daemon: ChildProcess | undefined;

  /** Starts it, for the first time or again. */
  async start(): Promise<void> {
    if (this.#daemon === undefined) {
      await execa("ip", ["link", "set", "lo", "up"]);
      // docker keeps networks of containers and sockets there, wherever its other files are.
      for (const folder of ["/run/docker", "/run/containerd"]) {
        await execa("mkdir", ["-p", folder]);
        await execa("mount", ["-t", "tmpfs", "tmpfs", folder]);
      }
      process.env["DOCKER_HOST"] = this.#address;
    }
    this.#spawn();
    await eventually(
      "the docker daemon answers",
      ANSWER_SECONDS,
      () => {
        if (!this.#runs()) this.#spawn();
        return execa("docker", ["version"], { reject: false });
      },
      ({ exitCode }) => exitCode === 0,
    );
  }

  /** Ends it by a signal, as a machine that goes down (SIGTERM) or one that has run out of memory (SIGKILL). */
  async end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    if (this.#daemon === undefined || !this.#runs()) return;
    const ended = once(this.#daemon, "exit");
    this.#daemon.kill(signal);
    await ended;
  }

  /** Takes an image of the machine's own daemon over, under another name. */
  async takeOver(image: string, name: string): Promise<void> {
    const machine = { env: { DOCKER_HOST: undefined }, buffer: false } as const;
    await execa("docker", ["save", image], machine).pipe(
      execa("docker", ["load"], { stdin: "pipe" }),
    );
    await execa("docker", ["tag", image, name]);
  }

  #runs(): boolean {
    return this.#daemon?.exitCode === null && this.#daemon.signalCode === null;
  }

  #spawn(): void {
    const within = (name: string) => join(this.#folder, name);
    const log = openSync(within("log"), "a");
    this.#daemon = spawn(
      "dockerd",
      [
        ...["--data-root", within("data"), "--exec-root", within("exec")],
        ...["--pidfile", within("pid"), "--host", this.#address],
      ],
      { stdio: ["ignore", log, log] },
    );
  }
}
