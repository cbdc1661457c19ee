import type { NodeOutput } from "../control-plane.ts";
import type { MachinesPlan, Role, TopologyPlan } from "./plan.ts";

/** Names of the files by which nodes are reached, in the stack's output folder. */
export const SSH_FILES = ["ssh/id_ed25519", "ssh/id_ed25519.pub", "ssh/config"] as const;

/** Who logs in to nodes, by their role; to bare metal nobody does. */
export type Users = Record<Exclude<Role, "baremetal">, string>;

/** How nodes are reached. */
export interface NodesAccess {
  /** It changes as the deployment goes on. */
  users: Users;
  /** Path of the private key. */
  keyFile: string;
}

/** Before the undercloud is installed: what cloud-init made. A standalone control plane's node has root alone. */
export function firstUsers(user: string): Users {
  return { undercloud: user, controller: "root", compute: "root" };
}

/** After the deployment: it gives overcloud nodes a system with a user of its own. */
export function deployedUsers(user: string, overcloudUser: string): Users {
  return { undercloud: user, controller: overcloudUser, compute: overcloudUser };
}

/** A node is made anew under its address, so a key that is remembered is wrong some day. */
const OPTIONS = {
  IdentitiesOnly: "yes",
  StrictHostKeyChecking: "no",
  UserKnownHostsFile: "/dev/null",
  LogLevel: "ERROR",
  BatchMode: "yes",
  ConnectTimeout: "10",
  ServerAliveInterval: "30",
};

/** An ssh configuration in which nodes have their names: `ssh -F FILE undercloud-0`. */
export function sshConfig(plan: MachinesPlan, { users, keyFile }: NodesAccess): string {
  const block = (host: string, options: Record<string, string>) =>
    `Host ${host}\n${Object.entries(options)
      .map(([key, value]) => `  ${key} ${value}\n`)
      .join("")}`;
  return [
    ...plan.nodes.flatMap(({ name, role, external }) =>
      role === "baremetal" || !external
        ? []
        : [block(name, { HostName: external.address, User: users[role] })],
    ),
    block("*", { IdentityFile: quoted(keyFile), ...OPTIONS }),
  ].join("\n");
}

/** A file as ssh reads it: a folder's name may have spaces, and a percent sign begins what ssh puts in. */
function quoted(file: string): string {
  const text = file.replaceAll("%", "%%");
  return text.includes(" ") ? `"${text}"` : text;
}

/** What the stack tells of its machines, by name. */
export function nodeOutputs({ nodes }: MachinesPlan): Record<string, NodeOutput> {
  return Object.fromEntries(
    nodes.map(({ name, domainName, provisioning, external }) => [
      name,
      {
        ...(external && { address: external.address }),
        ...(provisioning && { provisioningMac: provisioning.mac }),
        ...(external && { externalMac: external.mac }),
        domain: domainName,
      },
    ]),
  );
}

export interface InventoryGroup {
  hosts?: Record<string, Record<string, string | number>>;
  children?: Record<string, Record<string, never>>;
}

/** The group of this machine. Modules run there by ansible's own Python: it has what talks to clouds. */
export const HYPERVISOR: InventoryGroup = {
  hosts: {
    localhost: {
      ansible_connection: "local",
      ansible_python_interpreter: "{{ ansible_playbook_python }}",
    },
  },
};

/** The groups of an ansible inventory that nodes are in, and the hypervisor's. */
export function nodesInventory(
  plan: TopologyPlan,
  { users, keyFile }: NodesAccess,
): Record<string, InventoryGroup> {
  const hosts = (role: keyof Users) =>
    Object.fromEntries(
      plan.nodes
        .filter((node) => node.role === role)
        .map(({ name, domainName, external, provisioning }) => [
          name,
          {
            ansible_host: external.address,
            ansible_user: users[role],
            ansible_ssh_private_key_file: keyFile,
            ansible_ssh_common_args: Object.entries(OPTIONS)
              .map(([key, value]) => `-o ${key}=${value}`)
              .join(" "),
            // Python is where each release has it; ansible would warn that it looked.
            ansible_python_interpreter: "auto_silent",
            domain: domainName,
            provisioning_mac: provisioning.mac,
          },
        ]),
    );
  return {
    hypervisor: HYPERVISOR,
    undercloud: { hosts: hosts("undercloud") },
    controllers: { hosts: hosts("controller") },
    computes: { hosts: hosts("compute") },
    overcloud_nodes: { children: { controllers: {}, computes: {} } },
  };
}
