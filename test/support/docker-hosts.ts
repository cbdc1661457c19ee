import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import type { Engine } from "../../components/docker-hosts/engine.ts";
import { docker, dockerOn } from "../../tools/scratch-stack.ts";
import { eventually } from "./cloud.ts";

export interface DockerHostArgs {
  /** Name of the network namespace that it lives in, and of the card that leads there; at most 13 characters. */
  name: string;
  /** Address of this machine on the wire between the two, and the host's, both in a /30. */
  here: string;
  there: string;
}

const PORT = 2376;

const run = async (command: string, ...argv: string[]) =>
  (await execa(command, argv, { stdin: "ignore" })).stdout;

/**
 * A docker host besides this machine, as far as one kernel has room for two: a daemon of its own, with its own images,
 * containers and swarm membership, in a network namespace at the end of a wire. It is reached by TLS alone. This machine's
 * daemon becomes the manager of the swarm that both are in, and leaves it at the end.
 */
export class SecondDockerHost {
  readonly #args: DockerHostArgs;
  readonly #folder = mkdtempSync(join(tmpdir(), "overcloud-docker-host-"));
  readonly engine: Required<Engine>;
  #daemon: ChildProcess | undefined;
  #inSwarm = false;

  constructor(args: DockerHostArgs) {
    this.#args = args;
    this.engine = {
      docker: `tcp://${args.there}:${PORT}`,
      certificates: join(this.#folder, "client"),
    };
  }

  /** @throws AssertionError when this machine's daemon is in somebody's swarm already */
  async start(): Promise<void> {
    const { name, here, there } = this.#args;
    const state = await docker("info", "--format", "{{.Swarm.LocalNodeState}}");
    assert.equal(
      state,
      "inactive",
      "this machine's docker is in a swarm already, which the test would change: leave it (`docker swarm leave`), or run the test elsewhere",
    );
    await run("ip", "netns", "add", name);
    await run("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name);
    await run("ip", "address", "add", `${here}/30`, "dev", name);
    await run("ip", "link", "set", name, "up");
    await run("ip", "-n", name, "address", "add", `${there}/30`, "dev", "eth0");
    await run("ip", "-n", name, "link", "set", "eth0", "up");
    await run("ip", "-n", name, "link", "set", "lo", "up");
    await run("ip", "-n", name, "route", "add", "default", "via", here);
    await this.#certify();
    this.#startDaemon();
    await eventually(
      "the second docker daemon",
      60,
      () => dockerOn(this.engine, "version", "--format", "{{.Server.Version}}").catch(() => ""),
      (version) => version !== "",
    );
    await docker("swarm", "init", "--advertise-addr", here, "--listen-addr", `${here}:2377`);
    this.#inSwarm = true;
    const token = await docker("swarm", "join-token", "--quiet", "worker");
    await dockerOn(this.engine, "swarm", "join", "--token", token, `${here}:2377`);
  }

  /** Undoes all of it, whatever of it was done. */
  async stop(): Promise<void> {
    const quietly = (work: Promise<unknown>) => work.catch(() => undefined);
    await quietly(dockerOn(this.engine, "swarm", "leave", "--force"));
    if (this.#inSwarm) {
      await docker("swarm", "leave", "--force");
      // What a swarm makes on each machine, and leaves there.
      await quietly(docker("network", "rm", "docker_gwbridge"));
    }
    if (this.#daemon?.exitCode === null) {
      this.#daemon.kill("SIGTERM");
      await once(this.#daemon, "exit");
    }
    // The card goes with the namespace that its other end is in.
    await quietly(run("ip", "netns", "delete", this.#args.name));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #startDaemon(): void {
    const server = join(this.#folder, "server");
    const log = openSync(join(this.#folder, "log"), "w");
    const command = [
      ...["dockerd", "--data-root", `${this.#folder}/data`, "--exec-root", `${this.#folder}/exec`],
      ...["--pidfile", `${this.#folder}/pid`, "--host", `tcp://0.0.0.0:${PORT}`, "--tlsverify"],
      ...["--tlscacert", `${server}/ca.pem`, "--tlscert", `${server}/cert.pem`],
      ...["--tlskey", `${server}/key.pem`],
    ];
    // All of these start the next in their own place: the process is the daemon.
    this.#daemon = spawn(
      "nsenter",
      [
        // Not `ip netns exec`, which hides cgroups. docker keeps the networks of containers in /run/docker, wherever its
        // other files are: each daemon has its own.
        ...[
          `--net=/run/netns/${this.#args.name}`,
          "unshare",
          "--mount",
          "--propagation",
          "private",
        ],
        ...["sh", "-c", 'mount -t tmpfs tmpfs /run/docker && exec "$@"', "sh", ...command],
      ],
      { stdio: ["ignore", log, log] },
    );
  }

  /** An authority, and certificates of it for the daemon and for who uses it. */
  async #certify(): Promise<void> {
    const file = (name: string) => join(this.#folder, name);
    const openssl = (...argv: string[]) => run("openssl", ...argv);
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    await openssl(
      ...["req", "-x509", "-days", "1", ...key, "-subj", "/CN=authority"],
      ...["-keyout", file("authority-key.pem"), "-out", file("ca.pem")],
    );
    for (const [side, usage] of [
      ["server", `subjectAltName=IP:${this.#args.there}\nextendedKeyUsage=serverAuth`],
      ["client", "extendedKeyUsage=clientAuth"],
    ] as const) {
      mkdirSync(file(side));
      writeFileSync(file(`${side}/extensions`), usage);
      writeFileSync(file(`${side}/ca.pem`), readFileSync(file("ca.pem")));
      await openssl(
        ...["req", "-new", ...key, "-subj", `/CN=${side}`],
        ...["-keyout", file(`${side}/key.pem`), "-out", file(`${side}/request`)],
      );
      await openssl(
        ...[
          "x509",
          "-req",
          "-days",
          "1",
          "-CA",
          file("ca.pem"),
          "-CAkey",
          file("authority-key.pem"),
        ],
        ...["-CAcreateserial", "-in", file(`${side}/request`), "-out", file(`${side}/cert.pem`)],
        ...["-extfile", file(`${side}/extensions`)],
      );
    }
  }
}
