import { cpus, release, totalmem, version } from "node:os";
import { execa } from "execa";
import { labelOf, STACK_LABEL } from "../../components/names.ts";
import type { State } from "./result.ts";

/** Debian packages whose versions say which OpenStack it is. */
const PACKAGES = [
  ...["keystone", "placement-common", "glance-common", "neutron-common", "nova-common"],
  ...["rabbitmq-server", "mariadb-server"],
];

/** What was measured on. */
export function machine(): State["machine"] {
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memoryMb: Math.round(totalmem() / 2 ** 20),
    kernel: release(),
    system: version(),
  };
}

export async function versions(root: string, stack: string): Promise<State["versions"]> {
  const [pulumi, docker, project, openstack] = await Promise.all([
    ask("pulumi", ["version"]),
    ask("docker", ["version", "--format", "{{.Server.Version}}"]),
    commit(root),
    openstackVersions(stack),
  ]);
  return { openstack, pulumi, docker, node: process.version, project };
}

async function commit(root: string): Promise<string | null> {
  const head = await ask("git", ["-C", root, "rev-parse", "--short=12", "HEAD"]);
  const changes = await ask("git", ["-C", root, "status", "--porcelain", "--untracked-files=no"]);
  return head === null ? null : `${head}${changes ? "+" : ""}`;
}

/** Versions as the packages in the control plane's image have them; null where there is no such container. */
async function openstackVersions(stack: string): Promise<Record<string, string> | null> {
  const filter = (label: string) => ["--filter", `label=${label}`];
  const listed = await ask("docker", [
    ...["ps", "--quiet"],
    ...filter(`${STACK_LABEL}=${stack}`),
    ...filter(`${labelOf("role")}=control-plane`),
  ]);
  const container = listed?.split("\n")[0];
  if (!container) return null;
  const query = ["dpkg-query", "--show", "--showformat", "${Package} ${Version}\\n", ...PACKAGES];
  const lines = await ask("docker", ["exec", container, ...query]);
  return lines === null
    ? null
    : Object.fromEntries(lines.split("\n").map((line) => line.split(" ") as [string, string]));
}

/** What a program prints; null where it can't be run or fails. */
async function ask(command: string, args: string[]): Promise<string | null> {
  const { failed, stdout } = await execa(command, args, {
    reject: false,
    stdin: "ignore",
    timeout: 20_000,
  });
  return failed ? null : stdout.trim();
}
