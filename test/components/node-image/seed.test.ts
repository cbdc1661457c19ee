import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  nodeFilesSchema,
  nodeSeedSchema,
  seedServices,
  type NodeSeed,
} from "../../../components/node-image/seed.ts";
import { planControlPlane } from "../../../components/standalone/plan.ts";
import { settingsOf } from "../../support/settings.ts";

const plan = planControlPlane(settingsOf());
const seed: NodeSeed = {
  hostname: "controller-0",
  network: { mac: "52:54:00:00:00:01", address: "10.0.0.5", prefix: 24, gateway: "10.0.0.1" },
  publicKey: "ssh-ed25519 AAAAC3Nz overcloud",
  ...seedServices(plan.services),
};

const issues = (changes: object): string =>
  nodeSeedSchema.safeParse({ ...seed, ...changes }).error?.message ?? "";

describe("a node's seed", () => {
  it("has every service of the plan, in its order, with what it waits for and how it is checked", () => {
    const { services } = nodeSeedSchema.parse(seed);
    assert.deepEqual(
      services.map(({ name }) => name),
      plan.services.map(({ name }) => name),
    );
    const conductor = services.find(({ name }) => name === "nova-conductor");
    assert.deepEqual(conductor?.after, ["mariadb", "rabbitmq", "memcached"]);
    assert.deepEqual(conductor?.check, { connectedTo: 5672 });
  });

  it("keeps the folders of all services with data, of which two share one", () => {
    const { data } = nodeSeedSchema.parse(seed);
    assert.equal(data["mariadb"], "/var/lib/mysql");
    assert.equal(data["ovn-nb-db"], data["ovn-sb-db"]);
  });

  it("fills in what may be left out", () => {
    const { services, hosts } = nodeSeedSchema.parse({
      ...seed,
      services: [{ name: "memcached" }],
      data: {},
    });
    assert.deepEqual(hosts, {});
    assert.deepEqual(services, [
      { name: "memcached", environment: {}, after: [], graceSeconds: 10 },
    ]);
  });

  it("refuses services that wait for later ones, stand twice, or have data without being there", () => {
    assert.match(
      issues({
        services: [{ name: "keystone", after: ["mariadb"] }, { name: "mariadb" }],
        data: {},
      }),
      /service keystone starts after mariadb, which is not listed before it/,
    );
    assert.match(
      issues({ services: [{ name: "glance" }, { name: "glance" }], data: {} }),
      /service glance is listed twice/,
    );
    assert.match(
      issues({ services: [{ name: "glance" }] }),
      /data of mariadb, which is no service of the node/,
    );
  });

  it("refuses names that a shell or a path could misread", () => {
    for (const name of ["", "../sshd", "nova api", "-x"]) {
      assert.notEqual(issues({ services: [{ name }], data: {} }), "");
    }
    assert.notEqual(
      issues({ services: [{ name: "a", environment: { "A=B": "" } }], data: {} }),
      "",
    );
    assert.notEqual(issues({ publicKey: "ssh-ed25519 AAAA\nssh-rsa BBBB" }), "");
  });

  it("has files below /etc alone", () => {
    assert.ok(nodeFilesSchema.safeParse({ "/etc/nova/nova.conf.d/50-stack.conf": "" }).success);
    assert.ok(!nodeFilesSchema.safeParse({ "/usr/bin/env": "" }).success);
  });
});
