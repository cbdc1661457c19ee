/** What an inventory says of a node; part of a topology's plan. */
export interface InventoryNode {
  /** Role and index, such as `compute-0`. */
  name: string;
  role: "undercloud" | "controller" | "compute";
  /** The address that ssh goes to. */
  external: { address: string };
}

export interface InventoryAccess {
  /** Private key of all of them, mode 0600; the undercloud gets a copy. */
  keyFile: string;
  /** Who logs in to the undercloud; may use sudo. */
  undercloudUser: string;
  /** Who logs in to the others. */
  overcloudUser: string;
  /** Python on the undercloud. Default: what ansible finds, which differs between CentOS 7 and 8. */
  undercloudPython?: string | undefined;
}

/** Inventories for whoever uses ansible by hand, in the stack's output folder. */
export const INVENTORY_FILES = ["hosts-infrared", "hosts-undercloud", "hosts-overcloud"] as const;

/** Infrared puts the folder of the workspace in its place. */
export const WORKSPACE = "%%workspace_dir%%";

/**
 * An ansible inventory as Infrared wants it for machines that it has not made. There is no ProxyCommand: with one that
 * leads through the hypervisor, Infrared would set that up too, as a Red Hat system. And no group `hypervisor`, because
 * nothing is to be done there.
 * @throws Error if there is no undercloud, or a value that would end its line
 */
export function infraredInventory(
  nodes: readonly InventoryNode[],
  access: InventoryAccess,
): string {
  const names = (...roles: InventoryNode["role"][]) =>
    nodes.filter(({ role }) => roles.includes(role)).map(({ name }) => name);
  const undercloud = names("undercloud");
  if (undercloud.length === 0) throw new Error("Infrared needs a node with the role undercloud");
  const overcloud = names("controller", "compute");
  const groups: Record<string, string[]> = {
    local: ["localhost"],
    undercloud,
    tester: undercloud,
    // Infrared would choose one, and prepare it from the internet: with it, tag `shade` may be skipped.
    shade: undercloud,
    openstack_nodes: [...undercloud, ...overcloud],
    overcloud_nodes: overcloud,
    controller: names("controller"),
    compute: names("compute"),
    network: names("controller"),
  };
  return [
    "localhost ansible_connection=local",
    ...nodes.map((node) => lineOf(node, access)),
    ...Object.entries(groups).flatMap(([group, members]) => ["", `[${group}]`, ...members]),
    "",
  ].join("\n");
}

const SSH_OPTIONS = [
  "BatchMode=yes",
  "ServerAliveInterval=30",
  // Nodes are new with every stack, and on a network of this machine alone.
  "StrictHostKeyChecking=no",
  "UserKnownHostsFile=/dev/null",
];

function lineOf({ name, role, external }: InventoryNode, access: InventoryAccess): string {
  const user = role === "undercloud" ? access.undercloudUser : access.overcloudUser;
  const python = role === "undercloud" ? access.undercloudPython : undefined;
  const variables = {
    ansible_host: external.address,
    ansible_connection: "ssh",
    ansible_user: user,
    ansible_ssh_private_key_file: access.keyFile,
    ansible_ssh_common_args: SSH_OPTIONS.map((option) => `-o ${option}`).join(" "),
    ...(python && { ansible_python_interpreter: python }),
  };
  return [name, ...Object.entries(variables).map(([key, value]) => `${key}=${quoted(value)}`)].join(
    " ",
  );
}

/** A value of an INI inventory, which ansible splits as a shell would. */
function quoted(value: string): string {
  if (/[\r\n]/.test(value)) throw new Error("a value of an inventory has one line");
  return /^[\w./:%@-]+$/.test(value) ? value : `'${value.replaceAll("'", `'"'"'`)}'`;
}

/** What an inventory says of a host; undefined if it is not there. */
export function hostLine(inventory: string, name: string): string | undefined {
  return inventory.split("\n").find((line) => line.startsWith(`${name} `));
}

/** Hosts that are members of a group by name. */
export function membersOf(inventory: string, group: string): string[] {
  const [, section = ""] = inventory.split(`\n[${group}]\n`);
  return section
    .split("\n[", 1)[0]!
    .split("\n")
    .map((line) => line.split(/\s/)[0] ?? "")
    .filter((name) => name !== "" && !/^[#;]/.test(name));
}
