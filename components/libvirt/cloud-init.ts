import { createHash } from "node:crypto";
import { stringify } from "yaml";
import type { NodePlan } from "./plan.ts";

/** What a node's cloud-init disk says, by the names of its files. Holds no secret. */
export interface CloudInit {
  documents: Record<string, string>;
  /** Changes with any of the above; 8 hex digits. */
  digest: string;
}

/** Volume label that cloud-init looks for. */
export const CLOUD_INIT_LABEL = "cidata";

/** Who may log in to a node, with which key. */
export interface LogIn {
  /** Made on every node, with sudo. */
  user: string;
  /** One line of an authorized_keys file; opens the user's account and root's. */
  publicKey: string;
}

/**
 * Names and addresses of a node before anything is deployed on it: the user and root with the stack's key, eth0 on the
 * provisioning network without an address, eth1 on the external one with the reserved address.
 */
export function cloudInitOf(node: NodePlan, { user, publicKey }: LogIn): CloudInit {
  const keys = { ssh_authorized_keys: [publicKey] };
  const userData = `#cloud-config\n${stringify({
    hostname: node.name,
    users: [
      {
        name: user,
        sudo: "ALL=(ALL) NOPASSWD:ALL",
        shell: "/bin/bash",
        lock_passwd: true,
        ...keys,
      },
      { name: "root", ...keys },
    ],
    disable_root: false,
    ssh_pwauth: false,
  })}`;
  const networkConfig = stringify({
    version: 2,
    ethernets: {
      eth0: {
        match: { macaddress: node.provisioning.mac },
        "set-name": "eth0",
        dhcp4: false,
        optional: true,
      },
      eth1: { match: { macaddress: node.external.mac }, "set-name": "eth1", dhcp4: true },
    },
  });
  const digest = createHash("sha256")
    .update(JSON.stringify([userData, networkConfig]))
    .digest("hex")
    .slice(0, 8);
  // An instance that cloud-init does not know yet: it applies the rest again, on a disk that was used before too.
  const metaData = stringify({
    "instance-id": `${node.domainName}-${digest}`,
    "local-hostname": node.name,
  });
  return {
    documents: { "user-data": userData, "meta-data": metaData, "network-config": networkConfig },
    digest,
  };
}
