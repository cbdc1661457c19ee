import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { novaServices } from "../../components/openstack/compute.ts";
import { agents } from "../../components/openstack/network.ts";
import type { OpenStackClient } from "../../components/openstack/client.ts";
import { resourceProviders } from "../../components/openstack/placement.ts";
import * as cloudOf from "../support/cloud.ts";
import { placeOf } from "../support/places.ts";
import { docker, ScratchStack } from "../../tools/scratch-stack.ts";
import { expectNoneInDocker } from "../support/docker.ts";

const STACK = "itest-ovs";
const stack = new ScratchStack(STACK);
const container = (host: string) => `${STACK}-${host}`;
let cloud: OpenStackClient;

describe("a standalone cloud with Open vSwitch agents", { timeout: 30 * 60_000 }, () => {
  let servers: cloudOf.ServerState[] = [];

  before(async () => {
    await stack.create({
      computes: 2,
      networking: "ovs",
      scaleDown: "delete",
      "compute.vcpus": 8,
      "compute.memoryMb": 16384,
      "compute.bootDelaySeconds": 2,
      ...placeOf("standalone-ovs").settings,
    });
  });

  after(() => stack.remove());

  it("comes up with an agent per compute, of the size that was asked for", async () => {
    await stack.up();
    cloud = await stack.cloud();
    const seen = (await agents(cloud)).map(({ agent_type, host, alive }) => ({
      agent_type,
      host,
      alive,
    }));
    assert.deepEqual(
      seen.sort((a, b) => a.host.localeCompare(b.host)),
      ["compute-0", "compute-1"].map((host) => ({
        agent_type: "Open vSwitch agent",
        host,
        alive: true,
      })),
    );
    const inventory = await docker(
      "exec",
      `${STACK}-mariadb`,
      ...[
        "mariadb",
        "-N",
        "-e",
        "SELECT vcpus, memory_mb FROM nova.compute_nodes WHERE deleted = 0",
      ],
    );
    assert.deepEqual(inventory.split("\n"), ["8\t16384", "8\t16384"]);
  });

  it("previews no change right after", () => stack.expectNoChanges());

  it("runs servers that reach each other through a vxlan tunnel", async () => {
    servers = [
      await cloudOf.boot(cloud, "first", "compute-0"),
      await cloudOf.boot(cloud, "second", "compute-1"),
    ];
    const ports = [];
    for (const [index, { id }] of servers.entries()) {
      const host = `compute-${index}`;
      const port = await cloudOf.wired(cloud, id, container(host), host);
      ports.push({
        address: port.fixed_ips[0]?.ip_address ?? "",
        name: await cloudOf.actAsGuest(container(host), port),
      });
    }
    const [first, second] = ports;
    assert.ok(first && second);
    // The agents learn of each other's ports a moment after neutron does.
    await cloudOf.eventually(
      "answers through the tunnel",
      60,
      async () => {
        const ping = ["ping", "-c", "3", "-i", "0.3", "-W", "2", "-I", first.name, second.address];
        return docker("exec", container("compute-0"), ...ping).catch((error: unknown) =>
          String(error),
        );
      },
      (output) => / 3 received/.test(output) && !output.includes("DUP!"),
    );
    assert.match(await docker("exec", container("compute-0"), "ovs-vsctl", "show"), /type: vxlan/);
  });

  it("migrates live", async () => {
    const [first] = servers;
    assert.ok(first);
    await cloudOf.act(cloud, first.id, {
      "os-migrateLive": { host: "compute-1", block_migration: "auto" },
    });
    await cloudOf.settled(cloud, first.id, "ACTIVE", "compute-1");
    await cloudOf.wired(cloud, first.id, container("compute-1"), "compute-1");
  });

  it("deletes the servers of a removed compute when told to, and leaves nothing of it", async () => {
    await stack.configure({ computes: 1 });
    await stack.up();
    const hosts = (entries: { host: string }[]) => entries.map(({ host }) => host);
    assert.deepEqual(hosts(await novaServices(cloud, { binary: "nova-compute" })), ["compute-0"]);
    assert.deepEqual(hosts(await agents(cloud)), ["compute-0"]);
    assert.deepEqual(
      (await resourceProviders(cloud)).map(({ name }) => name),
      ["compute-0"],
    );
    await assert.rejects(cloudOf.server(cloud, servers[0]?.id ?? ""), /404/);
  });

  it("destroys everything although a compute has a server", async () => {
    await cloudOf.boot(cloud, "last");
    await stack.destroy();
    await expectNoneInDocker(STACK);
  });
});
