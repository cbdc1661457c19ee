import { createHash } from "node:crypto";

/** Who speaks with the message bus. */
export const MESSAGE_BUS_USER = "openstack";

/**
 * Queues that servers of nova and neutron take from, by the exchange that sends to them. Made by RabbitMQ itself whenever it starts,
 * before it listens: who is back first would send into the void otherwise, and wait for the answer for as long as
 * `rpc_response_timeout`. Their servers declare the same, so it must stay what `oslo.messaging` makes by its defaults.
 */
const QUEUES: Record<string, readonly string[]> = {
  nova: ["conductor", "scheduler"],
  neutron: ["q-plugin", "q-reports-plugin", "q-server-resource-versions"],
};

/** What RabbitMQ is to have at each start, in the form of its own `export_definitions`. */
export function messageBusDefinitions(password: string): string {
  const vhost = "/";
  const passing = { durable: false, auto_delete: false, arguments: {} };
  const queues = Object.entries(QUEUES).flatMap(([source, names]) =>
    names.map((name) => ({ source, name })),
  );
  return JSON.stringify({
    vhosts: [{ name: vhost }],
    users: [
      {
        name: MESSAGE_BUS_USER,
        password_hash: passwordHash(password),
        hashing_algorithm: "rabbit_password_hashing_sha256",
        tags: [],
      },
    ],
    permissions: [{ user: MESSAGE_BUS_USER, vhost, configure: ".*", write: ".*", read: ".*" }],
    exchanges: Object.keys(QUEUES).map((name) => ({
      ...{ name, vhost, type: "topic", internal: false },
      ...passing,
    })),
    queues: queues.map(({ name }) => ({ name, vhost, type: "classic", ...passing })),
    bindings: queues.map(({ source, name }) => ({
      ...{ source, vhost, destination: name, destination_type: "queue" },
      ...{ routing_key: name, arguments: {} },
    })),
  });
}

/** Four bytes of salt, and SHA-256 of them and the password. The salt follows from the password: the same file for the same stack. */
function passwordHash(password: string): string {
  const sha256 = (content: Uint8Array) => createHash("sha256").update(content).digest();
  const secret = Buffer.from(password, "utf8");
  const salt = sha256(secret).subarray(0, 4);
  return Buffer.concat([salt, sha256(Buffer.concat([salt, secret]))]).toString("base64");
}
