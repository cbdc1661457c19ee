import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import { messageBusDefinitions } from "../../../components/standalone/message-bus.ts";

interface Definitions {
  users: { name: string; password_hash: string; hashing_algorithm: string; tags: string[] }[];
  permissions: { user: string; vhost: string }[];
  exchanges: { name: string; type: string; durable: boolean }[];
  queues: { name: string; durable: boolean; auto_delete: boolean; arguments: object }[];
  bindings: { source: string; destination: string; routing_key: string }[];
}

const definitions = JSON.parse(messageBusDefinitions("of the bus")) as Definitions;

describe("what the message bus has at each start", () => {
  it("is a user whose password is there as a hash alone, in RabbitMQ's form", () => {
    const [user] = definitions.users;
    assert.equal(user?.hashing_algorithm, "rabbit_password_hashing_sha256");
    const hash = Buffer.from(user.password_hash, "base64");
    const salted = Buffer.concat([hash.subarray(0, 4), Buffer.from("of the bus")]);
    assert.deepEqual(hash.subarray(4), createHash("sha256").update(salted).digest());
    assert.ok(!JSON.stringify(definitions).includes("of the bus"));
    assert.deepEqual(user.tags, [], "it administers nothing");
    assert.deepEqual(
      definitions.permissions.map((each) => [each.user, each.vhost]),
      [[user.name, "/"]],
    );
  });

  it("is the same at each plan, and another one with another password", () => {
    assert.deepEqual(JSON.parse(messageBusDefinitions("of the bus")), definitions);
    assert.notEqual(messageBusDefinitions("another"), messageBusDefinitions("of the bus"));
  });

  it("is each queue that all of a service share, bound by its name to the exchange that clients send to", () => {
    const bound = definitions.bindings.map(({ source, destination, routing_key }) => {
      assert.equal(destination, routing_key);
      return `${source} ${destination}`;
    });
    assert.deepEqual(bound, [
      "nova conductor",
      "nova scheduler",
      "neutron q-plugin",
      "neutron q-reports-plugin",
      "neutron q-server-resource-versions",
    ]);
    assert.deepEqual(
      definitions.queues.map(({ name }) => name),
      definitions.bindings.map(({ destination }) => destination),
    );
    // As oslo.messaging declares them by its defaults: one that differs would be refused.
    for (const queue of definitions.queues) {
      assert.deepEqual([queue.durable, queue.auto_delete, queue.arguments], [false, false, {}]);
    }
    for (const { type, durable } of definitions.exchanges) {
      assert.deepEqual([type, durable], ["topic", false]);
    }
  });
});
