import { execFileSync } from "node:child_process";
import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { stringify } from "yaml";
import { BASE_IMAGE } from "../../../components/image/base-image.ts";
import { contentHash } from "../../../components/image/content-hash.ts";
import { planTopology, type TopologyPlan } from "../../../components/libvirt/plan.ts";
import { planBmcs } from "../../../components/bmc/plan.ts";
import { planVars, renderVars } from "../../../components/overcloud/vars.ts";
import type { Release } from "../../../components/overcloud/release.ts";
import { libvirtSchema } from "../../../config/libvirt.ts";
import { overcloudSchema, type OvercloudSettings } from "../../../config/overcloud.ts";
import { runStep, type Ended } from "../step.ts";

const CONTEXT = path.join(import.meta.dirname, "image");
const PLAYBOOK = path.join(import.meta.dirname, "../../../playbooks/overcloud.yml");

/** Network of the simulated computes' tunnels. */
export const TUNNELS = "10.79.16.0/20";

/** What the BMCs' password is in tests. */
export const BMC_PASSWORD = "bmc-$ecret {{ of }} tests";

/** How many nodes, and what the settings say. */
export interface Case {
  release: Release;
  controllers: 1 | 3;
  computes: number;
  overcloud?: Record<string, unknown>;
}

export function planOf({ controllers, computes }: Pick<Case, "controllers" | "computes">) {
  const nodes = { controller: { count: controllers }, compute: { count: computes } };
  return planTopology(libvirtSchema.parse({ nodes }), "lab", "lab");
}

export function settingsOfCase({ release, overcloud }: Case): OvercloudSettings {
  return overcloudSchema.parse({ release, ...overcloud });
}

/** State of the stand-in for the undercloud's clients. */
export interface CloudState {
  release: Release;
  nodes: Record<
    string,
    { provision_state: string; resource_class: string; properties: Record<string, string> }
  >;
  flavors: Record<string, { ram: number; disk: number; properties: Record<string, string> }>;
  subnet: string[];
  stacks: Record<string, string>;
  provisioned: string[];
  /** How a deployment ends: well, badly, well without saying so, badly without being noticed. */
  deploy?: "well" | "badly" | "unnoticed" | "without saying";
  /** How many more times the registry fails. */
  registry_failures?: number;
}

/** Counts of a host, as ansible has them. */
export type Counts = Record<"ok" | "changed" | "failures" | "skipped", number>;

/** An undercloud and a hypervisor as far as playbooks see them: containers that are reached by ssh. */
export class TripleoHosts {
  readonly folder = mkdtempSync(path.join(tmpdir(), "itest-overcloud-"));
  readonly #name: string;
  #addresses: Record<string, string> = {};
  #image = "";
  /** What the last runs were planned from. */
  plan: TopologyPlan = planOf({ controllers: 1, computes: 1 });
  settings: OvercloudSettings = overcloudSchema.parse({});

  constructor(name: string) {
    this.#name = name;
  }

  /** Builds the image where it is not there, and the network; takes half a minute the first time. */
  async create(cidr: string): Promise<void> {
    await this.#sweep();
    // The image stays: it is for these tests what set-up's cache is for the program.
    this.#image = `overcloud-test-host:${(await contentHash(CONTEXT)).slice(0, 12)}`;
    const known = await execa("docker", ["image", "inspect", this.#image], { reject: false });
    if (known.failed) {
      const options = ["--network", "host", "--build-arg", `BASE_IMAGE=${BASE_IMAGE}`];
      await execa("docker", ["build", ...options, "--tag", this.#image, CONTEXT]);
    }
    await execa("docker", ["network", "create", "--subnet", cidr, this.#name]);
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", this.file("key")]);
    writeFileSync(this.file("bmc-password"), `${BMC_PASSWORD}\n`, { mode: 0o600 });
    writeFileSync(this.file("extra.yaml"), "parameter_defaults:\n  Extra: true\n");
  }

  /** New hosts, as they are after the undercloud's installation. */
  async reset(subject: Case): Promise<void> {
    const key = readFileSync(this.file("key.pub"), "utf8").trim();
    for (const host of ["hypervisor", "undercloud"]) {
      const container = `${this.#name}-${host}`;
      await execa("docker", ["rm", "--force", container], { reject: false });
      const capabilities = ["--cap-add", "NET_ADMIN"];
      const environment = ["--env", `AUTHORIZED_KEY=${key}`];
      const names = ["--name", container, "--hostname", host, "--network", this.#name];
      await execa("docker", [
        "run",
        "--detach",
        ...names,
        ...capabilities,
        ...environment,
        this.#image,
      ]);
      const format = `{{(index .NetworkSettings.Networks "${this.#name}").IPAddress}}`;
      const { stdout } = await execa("docker", ["inspect", "--format", format, container]);
      this.#addresses[host] = stdout;
    }
    this.configure(subject);
    await this.write("/var/lib/stand-in/state.json", {
      release: subject.release,
      nodes: {},
      flavors: {},
      subnet: ["192.0.2.53"],
      stacks: {},
      provisioned: [],
    });
  }

  /** Plans the variables anew. */
  configure(subject: Case): void {
    this.plan = planOf(subject);
    this.settings = settingsOfCase(subject);
    const vars = planVars(this.settings, {
      plan: this.plan,
      bmcs: planBmcs(this.plan, this.settings.bmc),
      libvirtUri: "qemu:///system",
      tunnelCidr: TUNNELS,
      files: { sshKey: "/root/keys/id_ed25519", bmcPassword: this.file("bmc-password") },
    });
    const text = JSON.parse(renderVars(vars)) as Record<string, unknown>;
    // A deployment takes no time here.
    text["run_deploy_overcloud_poll_seconds"] = 1;
    text["run_when_changed_delay"] = 1;
    writeFileSync(this.file("vars.json"), JSON.stringify(text));
    writeFileSync(this.file("inventory.yml"), stringify({ all: { children: this.#groups() } }));
  }

  #groups() {
    const host = (address: string, user: string) => ({
      ansible_host: address,
      ansible_user: user,
      ansible_ssh_private_key_file: this.file("key"),
      ansible_ssh_common_args:
        "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o ConnectionAttempts=20",
      ansible_python_interpreter: "/usr/bin/python3",
    });
    return {
      hypervisor: { hosts: { hypervisor: host(this.#addresses["hypervisor"] ?? "", "root") } },
      // As before the installation of the undercloud: the playbook knows better.
      undercloud: { hosts: { "undercloud-0": host(this.#addresses["undercloud"] ?? "", "root") } },
    };
  }

  file(name: string): string {
    return path.join(this.folder, name);
  }

  /** Runs tags as the step does. */
  async play(
    tags: string[],
    options: { check?: boolean; inventory?: string } = {},
  ): Promise<Ended & { hosts: Record<string, Counts> }> {
    mkdirSync(this.file("logs"), { recursive: true });
    const ended = await runStep({
      name: "play",
      directory: this.file("logs"),
      action: "overcloud/play",
      args: {
        playbook: PLAYBOOK,
        inventory: this.file("inventory.yml"),
        variables: this.file("vars.json"),
        tags,
        ...options,
      },
      timeoutSeconds: 300,
    });
    const last = ended.stdout.trim().split("\n").at(-1) ?? "";
    const hosts = ended.status === 0 ? (JSON.parse(last) as Record<string, Counts>) : {};
    return { ...ended, hosts };
  }

  /** All that ansible said. */
  log(): string {
    return readFileSync(this.file("logs/play.log"), "utf8");
  }

  async run(host: "hypervisor" | "undercloud", ...argv: string[]): Promise<string> {
    const { stdout } = await execa("docker", ["exec", `${this.#name}-${host}`, ...argv]);
    return stdout;
  }

  /** Text of a file on the undercloud. */
  read(file: string): Promise<string> {
    return this.run("undercloud", "cat", file);
  }

  async write(file: string, value: unknown): Promise<void> {
    const script = `cat > ${file} && chown stack: ${file}`;
    const argv = ["exec", "--interactive", `${this.#name}-undercloud`, "sh", "-c", script];
    await execa("docker", argv, { input: JSON.stringify(value) });
  }

  async state(): Promise<CloudState> {
    return JSON.parse(await this.read("/var/lib/stand-in/state.json")) as CloudState;
  }

  async change(change: Partial<CloudState>): Promise<void> {
    await this.write("/var/lib/stand-in/state.json", { ...(await this.state()), ...change });
  }

  /** What the undercloud's client was called with, without what only asks. */
  async calls(): Promise<string[]> {
    const text = await this.run("undercloud", "sh", "-c", "cat /var/lib/stand-in/calls.jsonl || :");
    return text
      .split("\n")
      .filter(Boolean)
      .map((line) => (JSON.parse(line) as string[]).join(" "))
      .filter(
        (line) =>
          !/^(subnet show|baremetal node list|flavor (list|show)|stack list|overcloud status)/.test(
            line,
          ),
      );
  }

  async remove(): Promise<void> {
    await this.#sweep();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #sweep(): Promise<void> {
    const names = ["hypervisor", "undercloud"].map((host) => `${this.#name}-${host}`);
    await execa("docker", ["rm", "--force", ...names], { reject: false });
    await execa("docker", ["network", "rm", this.#name], { reject: false });
  }
}
