import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { planControlPlane, tlsNames } from "../../../components/standalone/plan.ts";
import { settingsOf } from "../../support/settings.ts";

const planOf = (networking: string, raw: Record<string, unknown> = {}) =>
  planControlPlane(settingsOf({ networking, names: "lab", ...raw }));

const COMMON = [
  "glance",
  "keystone",
  "mariadb",
  "memcached",
  "neutron-server",
  "nova-api",
  "nova-conductor",
  "nova-scheduler",
  "placement",
  "rabbitmq",
];

describe("the plan of the control plane", () => {
  it("has a container per service, with OVN's only where OVN is", () => {
    const names = (networking: string) =>
      planOf(networking)
        .services.map(({ name }) => name as string)
        .sort();
    assert.deepEqual(names("ovn"), [...COMMON, "ovn-nb-db", "ovn-northd", "ovn-sb-db"].sort());
    assert.deepEqual(names("ovs"), COMMON);
    assert.doesNotMatch(JSON.stringify(planOf("ovs").services), /ovn/);
  });

  it("keeps every service's address, whatever the networking", () => {
    assert.deepEqual(planOf("ovs").addresses, planOf("ovn").addresses);
  });

  it("has the same services at one address and their own ports, where they are on a node", () => {
    for (const networking of ["ovn", "ovs"]) {
      const [own, node] = [
        planOf(networking),
        planOf(networking, { standalone: { placement: "node" } }),
      ];
      assert.deepEqual(
        node.services.map(({ name, after, check }) => ({ name, after, check })),
        own.services.map(({ name, after, check }) => ({ name, after, check })),
      );
      assert.deepEqual(new Set(Object.values(node.addresses)), new Set(["192.168.22.11"]));
      assert.deepEqual(node.endpoints.glance, {
        public: "http://192.168.22.11:9292",
        internal: "http://192.168.22.11:9292",
      });
    }
  });

  for (const networking of ["ovn", "ovs"]) {
    it(`starts each service after all that it waits for (${networking})`, () => {
      const { services } = planOf(networking);
      const started = new Set<string>();
      for (const { name, after } of services) {
        for (const other of after) assert.ok(started.has(other), `${name} before ${other}`);
        started.add(name);
      }
      const waits = (name: string) => services.find((each) => each.name === name)?.after ?? [];
      for (const name of ["keystone", "placement", "glance", "neutron-server", "nova-api"]) {
        assert.ok(waits(name).includes("mariadb"), name);
      }
      for (const name of ["neutron-server", "nova-scheduler", "nova-conductor"]) {
        assert.ok(waits(name).includes("rabbitmq"), name);
      }
      if (networking === "ovn") {
        for (const name of ["ovn-northd", "neutron-server"]) {
          assert.ok(waits(name).includes("ovn-nb-db") && waits(name).includes("ovn-sb-db"), name);
        }
      }
    });

    it(`waits for the health of what holds data or messages, often (${networking})`, () => {
      const { services } = planOf(networking);
      const gates = services.filter(({ gates }) => gates);
      assert.deepEqual(
        gates.map(({ name }) => name as string).sort(),
        ["mariadb", "rabbitmq", ...(networking === "ovn" ? ["ovn-nb-db", "ovn-sb-db"] : [])].sort(),
      );
      for (const { healthcheck } of gates) {
        assert.ok(healthcheck.intervalSeconds <= 5);
        // Which waits 28 s before it looks.
        assert.equal(healthcheck.test[1], "/usr/lib/overcloud/bin/check-seldom");
        assert.ok(healthcheck.timeoutSeconds > 28 + 10);
      }
    });

    it(`checks each API on the port it publishes (${networking})`, () => {
      const published = planOf(networking).services.filter(({ ports }) => ports.length > 0);
      assert.equal(published.length, 5);
      for (const { name, ports, healthcheck } of published) {
        const [{ internal } = { internal: 0 }] = ports;
        const url = healthcheck.test.find((word) => word.startsWith("http"));
        assert.equal(new URL(url ?? "").port, String(internal), name);
      }
      for (const { healthcheck } of planOf(networking).services) {
        assert.equal(healthcheck.test[0], "CMD");
      }
    });
  }

  it("publishes each API where the settings say, and nothing else", () => {
    const ports = { keystone: 1001, placement: 1002, glance: 1003, neutron: 1004, nova: 1005 };
    const { services, endpoints } = planOf("ovn", { ports });
    const external = Object.fromEntries(
      services.flatMap(({ name, ports: published }) =>
        published.map((each) => [name, each.external]),
      ),
    );
    assert.deepEqual(external, {
      keystone: 1001,
      placement: 1002,
      glance: 1003,
      "neutron-server": 1004,
      "nova-api": 1005,
    });
    for (const [api, port] of Object.entries(ports)) {
      const { public: outside, internal } = endpoints[api as keyof typeof ports];
      assert.equal(new URL(outside).host, `127.0.0.1:${port}`);
      // Inside the network ports do not move, and the path is the same.
      assert.notEqual(new URL(internal).port, String(port));
      assert.equal(new URL(internal).pathname, new URL(outside).pathname);
    }
  });

  it("reaches each API inside at the address of its service", () => {
    const { endpoints, services } = planOf("ovn");
    for (const { internal } of Object.values(endpoints)) {
      const url = new URL(internal);
      const service = services.find(({ address }) => address === url.hostname);
      assert.deepEqual(
        service?.ports.map((each) => String(each.internal)),
        [url.port],
      );
    }
  });

  for (const placement of ["containers", "node"]) {
    it(`has the same by TLS, and checks it against the stack's authority (${placement})`, () => {
      const plain = planOf("ovn", { standalone: { placement } });
      const tls = planOf("ovn", { standalone: { placement }, tls: true });
      for (const [api, { public: outside, internal }] of Object.entries(tls.endpoints)) {
        const without = plain.endpoints[api as "nova"];
        assert.equal(outside, without.public.replace("http:", "https:"));
        assert.equal(internal, without.internal.replace("http:", "https:"));
        const names = tlsNames(tls)[api as "nova"];
        for (const url of [outside, internal]) assert.ok(names.includes(new URL(url).hostname));
      }
      for (const { name, ports, check, healthcheck } of tls.services) {
        const before = plain.services.find((each) => each.name === name);
        if (ports.length === 0) {
          assert.deepEqual(healthcheck, before?.healthcheck, name);
          continue;
        }
        assert.ok("http" in check && check.http.cacert !== undefined, name);
        const words = healthcheck.test;
        assert.equal(words[words.indexOf("--cacert") + 1], check.http.cacert);
        assert.match(words.at(-1) ?? "", /^https:\/\/127\.0\.0\.1:/);
        assert.ok(!before?.healthcheck.test.includes("--cacert"));
      }
    });
  }

  it("gives northd the addresses of its databases", () => {
    const { services, addresses } = planOf("ovn");
    const northd = services.find(({ name }) => name === "ovn-northd");
    assert.deepEqual(northd?.environment, {
      OVN_NB: `tcp:${addresses["ovn-nb-db"]}:6641`,
      OVN_SB: `tcp:${addresses["ovn-sb-db"]}:6642`,
    });
  });

  it("keeps data of databases, messages and images in volumes of the stack", () => {
    const volumes = planOf("ovn").services.flatMap(({ volume }) => volume ?? []);
    assert.deepEqual(Object.fromEntries(volumes.map(({ name, path }) => [name, path])), {
      "lab-mariadb": "/var/lib/mysql",
      "lab-rabbitmq": "/var/lib/rabbitmq",
      "lab-glance": "/var/lib/glance",
      "lab-ovn-nb-db": "/var/lib/ovn",
      "lab-ovn-sb-db": "/var/lib/ovn",
    });
  });

  it("gives databases and messages more time to end than the rest", () => {
    const { services } = planOf("ovn");
    const grace = (name: string) => services.find((each) => each.name === name)?.graceSeconds ?? 0;
    for (const name of ["mariadb", "rabbitmq"]) assert.ok(grace(name) >= 30, name);
    for (const { graceSeconds } of services) assert.ok(graceSeconds > 0 && graceSeconds <= 30);
  });
});
