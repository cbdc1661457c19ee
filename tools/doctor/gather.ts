import { existsSync, globSync, statSync } from "node:fs";
import { readdir, statfs } from "node:fs/promises";
import path from "node:path";
import { hostOf } from "../../components/compute/hosts.ts";
import { OpenStackClient } from "../../components/openstack/client.ts";
import { hypervisors, novaServices } from "../../components/openstack/compute.ts";
import { agents } from "../../components/openstack/network.ts";
import { STACK_LABEL } from "../../components/names.ts";
import { currentEpoch } from "../../components/upkeep/epoch.ts";
import { readHostFacts as readMachine, type HostFacts } from "../../config/host.ts";
import { parseSettings } from "../../config/parse.ts";
import { SettingsError, type Problem } from "../../config/problems.ts";
import type { Settings } from "../../config/schema.ts";
import { parseValue } from "../../config/value.ts";
import { Stack } from "../experiment/stack.ts";
import { keyOf, readNoted, type Noted } from "../interrupted.ts";
import { firstLine, saidOf } from "../said.ts";
import type { Context } from "../setup/context.ts";
import { closure } from "../setup/graph.ts";
import { readText } from "../setup/host.ts";
import { allTasks, tasksFor } from "../setup/tasks/all.ts";
import { readHostFacts as readKvm } from "../setup/tasks/kvm.ts";
import { docker } from "../sweep/docker.ts";
import type { Finding } from "../sweep/findings.ts";
import { locksIn } from "../sweep/machine.ts";
import { findStack } from "../sweep/stack.ts";
import type { CloudLook, HostLook, StackLook } from "./complaints.ts";

/** Seconds that the cloud gets to answer: one that is down must not keep anybody waiting. */
const CLOUD_SECONDS = 20;

export async function lookAtHost({ paths }: Context): Promise<HostLook> {
  const kvm = readKvm(paths);
  const root = await docker("info", "--format", "{{.DockerRootDir}}").then(
    (folder) => ({ folder }),
    (error: unknown) => ({ failure: `the docker daemon does not answer: ${saidOf(error)}` }),
  );
  const folders = ["folder" in root ? root.folder : "/var/lib/docker", paths.root, "/tmp"];
  return {
    memory: { available: memory("MemAvailable"), total: memory("MemTotal") },
    disks: await disksOf([...folders, "/var/lib/libvirt/images"]),
    kvm,
    docker: "failure" in root ? root.failure : undefined,
  };
}

function memory(key: string): number {
  const [, kib = "0"] = new RegExp(`^${key}: *(\\d+)`, "m").exec(readText("/proc/meminfo")) ?? [];
  return Math.floor(Number(kib) / 1024);
}

async function disksOf(folders: readonly string[]): Promise<HostLook["disks"]> {
  const seen = new Set<number>();
  const disks: HostLook["disks"] = [];
  for (const folder of folders) {
    // Some are root's alone, and then there is nothing to say.
    const found = statSync(folder, { throwIfNoEntry: false });
    if (!found || seen.has(found.dev)) continue;
    seen.add(found.dev);
    const { bavail, bsize, ffree, files } = await statfs(folder);
    const freeInodes = files === 0 ? Number.POSITIVE_INFINITY : ffree;
    disks.push({ folder, freeMb: Math.floor((bavail * bsize) / 2 ** 20), freeInodes });
  }
  return disks;
}

/** Tasks of set-up that would run. */
export async function undoneTasks(context: Context): Promise<string[]> {
  const known = allTasks(context);
  const tasks = closure(known, tasksFor("up", known));
  const done = await Promise.all(
    tasks.map(async (task) => ({
      name: task.name,
      note: await task.done().catch(() => undefined),
    })),
  );
  return done.filter(({ note }) => note === undefined).map(({ name }) => name);
}

/** Stacks that somebody deployed from here: those with files, and those with a state. */
export async function stacksOf(root: string, backend: string | undefined): Promise<string[]> {
  const folder = path.join(root, "output");
  const entries = existsSync(folder) ? await readdir(folder, { withFileTypes: true }) : [];
  const states =
    backend === undefined ? [] : globSync(".pulumi/stacks/overcloud/*.json", { cwd: backend });
  return [
    ...new Set([
      ...entries.filter((entry) => entry.isDirectory()).map(({ name }) => name),
      ...states.map((file) => path.basename(file, ".json")),
    ]),
  ].sort();
}

export interface StackSeen {
  look: StackLook;
  settings?: Settings | undefined;
  /** Whether there is a cloud that should answer. */
  deployed: boolean;
}

export async function lookAtStack(
  stack: string,
  { paths, childEnv }: Context,
  backend: string | undefined,
): Promise<StackSeen> {
  const place = { stack, directory: paths.root, backend };
  const { findings } = await findStack(place);
  const locks =
    backend === undefined ? [] : locksIn(backend).filter((each) => each.stack === stack);
  const noted = await readNoted(stack, paths.root, childEnv);
  const known = noted !== undefined;
  const pending = noted?.pending ?? [];
  const look: StackLook = {
    ...{ stack, known, locks, problems: [], repairs: [] },
    pending,
    orphans: findings.filter((each) => isOrphan(each, noted)),
    unhealthy: await unhealthyOf(stack),
  };
  if (!known) return { look, deployed: false };
  const deployed = noted.known.size > 0;
  try {
    const { settings, host, problems } = await settingsOf(stack, paths.root, childEnv);
    look.problems = problems;
    if (deployed && settings && host)
      look.repairs = await repairsOf(stack, paths.root, settings, host);
    return { look, settings, deployed };
  } catch (error) {
    look.failure = firstLine(error);
    return { look, deployed };
  }
}

/** What no resource of the state has the name of. Folders and processes have none. */
function isOrphan(finding: Finding, noted: Noted | undefined): boolean {
  const { kind } = finding;
  if (kind === "lock") return false;
  if (["process", "passage", "folder"].includes(kind)) return noted === undefined;
  return !noted?.known.has(keyOf(finding));
}

async function settingsOf(
  stack: string,
  root: string,
  env: NodeJS.ProcessEnv,
): Promise<{ settings?: Settings; host?: HostFacts; problems: Problem[] }> {
  const opened = await Stack.open(root, stack, env);
  const written = Object.entries(await opened.settings());
  const raw = Object.fromEntries(
    written.map(([key, value]) => [key, typeof value === "string" ? parseValue(value) : value]),
  );
  // Not to be read without the stack's passphrase, and nothing that rules look at.
  if (raw["playbooks"] === "(secret)") delete raw["playbooks"];
  try {
    const parsed = await parseSettings({ ...raw, names: raw["names"] || stack }, (ports, hosts) =>
      readMachine(stack, ports, hosts),
    );
    return { ...parsed, problems: [] };
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return { problems: [...error.problems] };
  }
}

/** What the next update would repair, as the program itself finds out. */
async function repairsOf(
  stack: string,
  root: string,
  settings: Settings,
  host: HostFacts,
): Promise<string[]> {
  const { deployedParts, lostOf } = await import("../../components/make-control-plane.ts");
  const directory = path.join(root, "output", stack);
  const { files, domains } = deployedParts(settings, host.living);
  const { reasons } = await currentEpoch({
    ...{ directory, files, host, preview: true },
    ...(await lostOf(settings, stack, { outputDirectory: directory, domains })),
  });
  return reasons;
}

async function unhealthyOf(stack: string): Promise<string[]> {
  const filter = ["--filter", `label=${STACK_LABEL}=${stack}`, "--filter", "health=unhealthy"];
  const output = await docker("ps", ...filter, "--format", "{{.Names}}").catch(() => "");
  return output.split("\n").filter(Boolean);
}

/** Asks the cloud as its administrator; one that is down is told apart from one that is wrong. */
export async function lookAtCloud(
  stack: string,
  root: string,
  settings: Settings | undefined,
): Promise<CloudLook> {
  const computes = Array.from({ length: settings?.computes ?? 0 }, (_, index) => hostOf(index));
  const nothing = { stack, computes, services: [], agents: [], hypervisors: [] };
  const cloudsYaml = path.join(root, "output", stack, "clouds.yaml");
  if (!existsSync(cloudsYaml)) return { ...nothing, unreachable: `${cloudsYaml} is missing` };
  try {
    const soon = AbortSignal.timeout(CLOUD_SECONDS * 1000);
    const client = await OpenStackClient.connect({ cloudsYaml, cloud: stack }, soon, 2);
    const [services, reported, mapped] = await Promise.all([
      novaServices(client),
      agents(client),
      hypervisors(client),
    ]);
    return {
      ...nothing,
      services: services.map(({ binary, host, state, status, disabled_reason }) => ({
        ...{ binary, host, state, status, reason: disabled_reason ?? "" },
      })),
      agents: reported.map(({ agent_type: type, host, alive }) => ({ type, host, alive })),
      hypervisors: mapped.map(({ host }) => host),
    };
  } catch (error) {
    return { ...nothing, unreachable: `the cloud can't be asked: ${firstLine(error)}` };
  }
}
