import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { OpenStackClient } from "../../components/openstack/client.ts";
import { OVN_SOUTHBOUND_PORT } from "../../components/standalone/services.ts";
import { novaServices } from "../../components/openstack/compute.ts";
import { containers, docker, ScratchStack } from "../../tools/scratch-stack.ts";
import * as cloudOf from "../support/cloud.ts";
import { expectNothingLeft, expectQuiet, PLACE } from "../support/faults.ts";

const STACK = "itest-faults";
const stack = new ScratchStack(STACK);
const compute = (host: string) => `${STACK}-${host}`;
const both = ["compute-0", "compute-1"];

/** Seconds in which an `up` has as many computes as it is told, and in which one is refused. */
const SCALING_SECONDS = 180;
const REFUSING_SECONDS = 60;

/** Where a compute that leaves has rows, and how those of computes that are there are told from those that were. */
const ROWS = {
  services: "nova.services WHERE deleted = 0 AND `binary` = 'nova-compute'",
  computeNodes: "nova.compute_nodes WHERE deleted = 0",
  hostMappings: "nova_api.host_mappings",
  cellMappings: "nova_api.cell_mappings",
  providers: "placement.resource_providers",
  inventories: "placement.inventories WHERE resource_class_id = 0",
  instances: "nova.instances WHERE deleted = 0",
  allocations: "(SELECT DISTINCT consumer_id FROM placement.allocations) AS consumers",
  portBindings: "neutron.ml2_port_bindings WHERE host <> ''",
} as const;

const query = (sql: string) =>
  docker("exec", `${STACK}-mariadb`, "mariadb", "--skip-column-names", "--execute", sql);

/** Rows by where they are, and what OVN has of chassis. */
async function rows(): Promise<Record<string, number>> {
  const counts = Object.values(ROWS).map((from) => `SELECT COUNT(*) FROM ${from}`);
  const numbers = (await query(counts.join("; "))).split("\n").map(Number);
  const chassis = await docker(
    ...["exec", `${STACK}-ovn-sb-db`, "ovn-sbctl", `--db=tcp:127.0.0.1:${OVN_SOUTHBOUND_PORT}`],
    ...["--bare", "--columns=name", "list", "Chassis"],
  );
  return {
    ...Object.fromEntries(Object.keys(ROWS).map((name, index) => [name, numbers[index] ?? NaN])),
    chassis: chassis.split("\n").filter(Boolean).length,
  };
}

/** What there is with so many computes and servers: each has one of each, and there are two cells. */
const expected = (computes: number, servers: number) => ({
  ...{ services: computes, computeNodes: computes, hostMappings: computes },
  ...{ providers: computes, inventories: computes, chassis: computes, cellMappings: 2 },
  ...{ instances: servers, allocations: servers, portBindings: servers },
});

/** An `up` to so many computes, in time. */
async function scale(computes: number, settings: Record<string, string> = {}): Promise<void> {
  await stack.configure({ computes, ...settings });
  const began = Date.now();
  await stack.up();
  within(SCALING_SECONDS, began);
}

function within(bound: number, began: number): void {
  const seconds = (Date.now() - began) / 1000;
  assert.ok(seconds < bound, `${seconds} s`);
}

/** An `up` to one compute that is refused, with nothing changed: neither containers nor what the cloud knows of them. */
async function refused(scaleDown: string, reason: RegExp): Promise<void> {
  const before = [await containers(STACK, "simulated-compute"), await rows()];
  await stack.configure({ computes: 1, scaleDown });
  const began = Date.now();
  const { exitCode, all } = await stack.tryPulumi(
    ...["up", "--yes", "--skip-preview", "--stack", STACK],
  );
  within(REFUSING_SECONDS, began);
  assert.notEqual(exitCode, 0);
  assert.match(all, reason);
  assert.match(all, /Nothing was stopped/);
  assert.deepEqual([await containers(STACK, "simulated-compute"), await rows()], before);
  await expectQuiet(stack);
}

describe("the number of computes", { timeout: 30 * 60_000 }, () => {
  let cloud: OpenStackClient;

  before(async () => {
    await stack.create({ computes: 0, ...PLACE.settings });
    await stack.up();
    cloud = await stack.cloud();
  });

  after(() => stack.remove());

  it("goes up, down and up again, and leaves no row", async () => {
    assert.deepEqual(await rows(), expected(0, 0));
    for (const computes of [2, 0, 2]) {
      await scale(computes);
      assert.deepEqual(await rows(), expected(computes, 0), `${computes} computes`);
      const hosts = both.slice(0, computes);
      cloudOf.expectKnown(await cloudOf.known(cloud, query), hosts);
      await expectQuiet(stack);
    }
  });

  it("stays where servers are in the way, or on their way, whatever the policy", async () => {
    const staying = await cloudOf.boot(cloud, "staying", "compute-0");
    const moving = await cloudOf.boot(cloud, "moving", "compute-1");
    await cloudOf.wired(cloud, staying.id, compute("compute-0"), "compute-0");
    await cloudOf.wired(cloud, moving.id, compute("compute-1"), "compute-1");
    await refused("refuse", /compute-1 has 1 server \(moving\)/);

    // A cold migration is in progress until it is confirmed.
    await cloudOf.act(cloud, moving.id, { migrate: { host: "compute-0" } });
    await cloudOf.settled(cloud, moving.id, "VERIFY_RESIZE", "compute-0");
    for (const policy of ["refuse", "evacuate", "delete"]) {
      await refused(policy, /compute-1 has 1 in migration/);
    }
    const services = await novaServices(cloud, { binary: "nova-compute" });
    assert.deepEqual(
      services.map(({ status, state }) => `${status} ${state}`),
      ["enabled up", "enabled up"],
    );
    await cloudOf.act(cloud, moving.id, { confirmResize: null });
    await cloudOf.settled(cloud, moving.id, "ACTIVE", "compute-0");
    await cloudOf.wired(cloud, moving.id, compute("compute-0"), "compute-0");
    await cloudOf.remove(cloud, [moving.id]);
    assert.deepEqual(await rows(), expected(2, 1));
  });

  it("goes down under servers that are evacuated", async () => {
    const moved = await cloudOf.boot(cloud, "moved", "compute-1");
    await scale(1, { scaleDown: "evacuate" });
    await cloudOf.settled(cloud, moved.id, "ACTIVE", "compute-0");
    await cloudOf.wired(cloud, moved.id, compute("compute-0"), "compute-0");
    assert.deepEqual(await rows(), expected(1, 2));
    await cloudOf.remove(cloud, [moved.id]);
  });

  it("goes down under servers that are deleted, and no others are", async () => {
    await scale(2, { scaleDown: "delete" });
    await cloudOf.boot(cloud, "deleted", "compute-1");
    await scale(1);
    assert.deepEqual(await rows(), expected(1, 1));
    await scale(0);
    assert.deepEqual(await rows(), expected(0, 0));
    await stack.expectNoChanges();
  });

  it("leaves nothing after a destroy", async () => {
    await stack.destroy();
    await expectNothingLeft(stack);
  });
});
