import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import type { Engine } from "../components/docker-hosts/engine.ts";
import { labelOf, STACK_LABEL } from "../components/names.ts";
import { OpenStackClient } from "../components/openstack/client.ts";
import { PROJECT_DIRECTORY } from "../components/project.ts";
import { docker, dockerOn, findInDocker } from "./sweep/docker.ts";
import { removeAll, type Kind } from "./sweep/findings.ts";

export { docker, dockerOn };

/** What `pulumi preview --json` says about one resource. */
export interface PlannedStep {
  op: string;
  urn: string;
}

export interface Outputs {
  hypervisors: { requested: number; registered: number; names: string[] };
  endpoints: Record<string, string>;
  cloudsYaml: string;
  openrc: string;
  inventory: string;
  sshConfig?: string;
  caCertificate?: string;
  nodes?: Record<string, { address?: string; domain: string }>;
}

/** Minutes that one `pulumi` call may take before it counts as hung, where nothing else is said. */
const CALL_MINUTES = 30;

/**
 * A stack of the real program in a backend of its own, driven by the real `pulumi`: for tests and benchmarks. With
 * networks and ports that are none of the default stack's, both can be up side by side.
 */
export class ScratchStack {
  readonly name: string;
  readonly directory: string;
  readonly #backend = mkdtempSync(join(tmpdir(), "overcloud-scratch-"));
  /** What makes any `pulumi` use this stack's backend. */
  readonly environment: Readonly<Record<string, string>>;
  readonly #callMs: number;

  constructor(name: string, directory: string = PROJECT_DIRECTORY, callMinutes = CALL_MINUTES) {
    this.name = name;
    this.directory = directory;
    this.#callMs = callMinutes * 60_000;
    this.environment = {
      PULUMI_BACKEND_URL: `file://${this.#backend}`,
      PULUMI_CONFIG_PASSPHRASE: "of scratch stacks alone",
      PULUMI_CONFIG_PASSPHRASE_FILE: "",
      PULUMI_SKIP_UPDATE_CHECK: "true",
    };
  }

  /** Runs `pulumi`. Rejects with what it said of failures and changes when it fails. */
  async pulumi(...args: string[]): Promise<string> {
    const result = await this.tryPulumi(...args);
    if (result.exitCode !== 0) {
      throw new Error(
        `pulumi ${args.join(" ")} ended with ${result.exitCode}:\n${essenceOf(result.all)}`,
      );
    }
    return result.stdout;
  }

  async tryPulumi(...args: string[]): Promise<{ exitCode: number; stdout: string; all: string }> {
    const { exitCode, stdout, all } = await execa(
      "pulumi",
      [...args, "--non-interactive", "--color", "never"],
      {
        cwd: this.directory,
        env: this.environment,
        all: true,
        reject: false,
        stdin: "ignore",
        timeout: this.#callMs,
      },
    );
    return { exitCode: exitCode ?? -1, stdout, all };
  }

  async create(configuration: Record<string, string | number>): Promise<void> {
    await sweep(this.name);
    await this.pulumi("stack", "init", this.name);
    await this.configure(configuration);
  }

  /** Sets keys; dots in a key lead into an object. */
  async configure(configuration: Record<string, string | number>): Promise<void> {
    const pairs = Object.entries(configuration).flatMap(([key, value]) => [
      "--plaintext",
      `overcloud:${key}=${value}`,
    ]);
    await this.pulumi("config", "set-all", "--path", "--stack", this.name, ...pairs);
  }

  up(): Promise<string> {
    return this.pulumi("up", "--yes", "--skip-preview", "--stack", this.name);
  }

  /** Resources that an `up` would touch. */
  async changes(): Promise<PlannedStep[]> {
    const json = await this.pulumi("preview", "--json", "--stack", this.name);
    const { steps } = JSON.parse(json) as { steps: PlannedStep[] };
    return steps.filter(({ op }) => !["same", "refresh", "read"].includes(op));
  }

  /** Fails when an `up` would change anything. */
  async expectNoChanges(): Promise<void> {
    await this.pulumi("preview", "--expect-no-changes", "--stack", this.name);
  }

  async outputs(): Promise<Outputs> {
    return JSON.parse(
      await this.pulumi("stack", "output", "--json", "--stack", this.name),
    ) as Outputs;
  }

  /** An authenticated client for the stack's cloud. */
  async cloud(): Promise<OpenStackClient> {
    const { cloudsYaml } = await this.outputs();
    return OpenStackClient.connect(
      { cloudsYaml, cloud: this.name },
      AbortSignal.timeout(this.#callMs),
    );
  }

  destroy(): Promise<string> {
    return this.pulumi("destroy", "--yes", "--skip-preview", "--stack", this.name);
  }

  /** Removes the stack itself, whatever state it is in. */
  async remove(): Promise<void> {
    await this.tryPulumi("destroy", "--yes", "--skip-preview", "--stack", this.name);
    await this.tryPulumi("stack", "rm", "--yes", "--force", "--stack", this.name);
    rmSync(join(this.directory, `Pulumi.${this.name}.yaml`), { force: true });
    rmSync(this.#backend, { recursive: true, force: true });
  }
}

/** Of what Pulumi printed: failures, planned changes and its diagnostics, so that several failures fit on a page. */
export function essenceOf(printed: string): string {
  const [progress = "", ...rest] = printed.split(/^(?=(?:Diagnostics|Outputs|Resources):$)/m);
  if (rest.length === 0) return printed;
  const telling = /failed|error|^ *[-+~]+ +\S+ \S+ (create|update|replace|delete)\b/;
  const changes = progress.split("\n").filter((line) => telling.test(line));
  const told = rest.filter((section) => !section.startsWith("Outputs:"));
  return [...changes, told.join("")].join("\n");
}

/** Everything docker has with a stack's label, by kind. */
export async function leftovers(stack: string, engine?: Engine): Promise<Record<string, string[]>> {
  const findings = await findInDocker(stack, engine);
  const named = (kind: Kind) =>
    findings.filter((each) => each.kind === kind).map(({ name }) => name);
  return {
    containers: named("container"),
    networks: named("network"),
    volumes: named("volume"),
    images: named("image"),
  };
}

/**
 * Removes what an interrupted run of the same name left in docker; its state is gone. Images as well: one of an earlier
 * commit is none that this run's `destroy` knows of, so that it would seem to leave something behind.
 */
async function sweep(stack: string): Promise<void> {
  const removals = await removeAll(await findInDocker(stack));
  const failed = removals.find(({ failure }) => failure !== undefined);
  if (failed) throw new Error(`${failed.finding.name} can't be removed: ${failed.failure}`);
}

/** Containers of a stack with a role, by name, with id and state. */
export async function containers(
  stack: string,
  role: string,
  engine: Engine = {},
): Promise<Map<string, { id: string; state: string }>> {
  const output = await dockerOn(
    engine,
    "ps",
    "--all",
    "--no-trunc",
    ...[
      "--filter",
      `label=${STACK_LABEL}=${stack}`,
      "--filter",
      `label=${labelOf("role")}=${role}`,
    ],
    ...["--format", "{{.Names}} {{.ID}} {{.State}}"],
  );
  return new Map(
    output
      .split("\n")
      .filter(Boolean)
      .map((line) => line.split(" "))
      .map(([name = "", id = "", state = ""]) => [name, { id, state }]),
  );
}
