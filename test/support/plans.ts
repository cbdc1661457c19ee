import assert from "node:assert/strict";
import { planBmcs } from "../../components/bmc/plan.ts";
import { planComputes } from "../../components/compute/plan.ts";
import {
  planTopology,
  type MachinesPlan,
  type TopologyPlan,
} from "../../components/libvirt/plan.ts";
import { planControlPlane, planStandaloneMachines } from "../../components/standalone/plan.ts";
import { addressAt } from "../../config/addresses.ts";
import type { Settings } from "../../config/schema.ts";
import { runsOnNode } from "../../config/standalone.ts";

const bits = (address: string) =>
  address.split(".").reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);

/** Whether a machine can have the address in the network: not its own, not the broadcast address. */
export function usable(address: string, network: string): boolean {
  const [base = "", prefix] = network.split("/");
  const size = 1n << BigInt(32 - Number(prefix));
  const offset = bits(address) - bits(base);
  return offset > 0n && offset < size - 1n;
}

export function distinct(values: readonly string[]): void {
  assert.equal(new Set(values).size, values.length, values.join(" "));
}

/** What holds of every plan, whatever the settings. */
export function checkPlans(settings: Settings, stack: string): void {
  if (settings.controlPlane === "tripleo") {
    checkTopology(planTopology(settings.libvirt, settings.names, stack), settings);
  } else {
    checkControlPlane(settings);
    checkMachines(planStandaloneMachines(settings, stack), settings);
  }
  checkComputes(settings, stack);
}

function checkComputes(settings: Settings, stack: string): void {
  const computes = planComputes(settings, stack);
  const { cidr, tunnelCidr } = settings.network;
  assert.equal(computes.length, settings.computes);
  for (const { address } of computes) assert.ok(usable(address, cidr), `${address} ${cidr}`);
  const own = settings.controlPlane === "tripleo" || runsOnNode(settings);
  distinct([
    addressAt(cidr, 1),
    ...(own ? [] : Object.values(planControlPlane(settings).addresses)),
    ...computes.map(({ address }) => address),
  ]);
  const ends = computes.map(({ tunnelAddress }) => tunnelAddress.split("/"));
  distinct(ends.map(([address = ""]) => address));
  for (const [address = "", prefix] of ends) {
    assert.ok(usable(address, tunnelCidr));
    assert.equal(prefix, tunnelCidr.split("/")[1]);
  }
  checkNames(computes.map(({ containerName }) => containerName));
  distinct(computes.map(({ id }) => id));
}

function checkControlPlane(settings: Settings): void {
  const { addresses, services, network } = planControlPlane(settings);
  for (const { name, address } of services) {
    assert.equal(address, addresses[name]);
    if (!runsOnNode(settings)) assert.ok(usable(address, settings.network.cidr));
  }
  checkNames([...services.map(({ containerName }) => containerName), `${network.name}-x`]);
  distinct(services.flatMap(({ volume }) => volume?.name ?? []));
  distinct(services.flatMap(({ ports }) => ports.map(({ external }) => String(external))));
}

/** Names of containers, domains and hosts: docker's own rule, and a DNS label's length. */
function checkNames(names: readonly string[]): void {
  distinct(names);
  for (const name of names) {
    assert.match(name, /^[a-z0-9][a-z0-9-]+$/);
    assert.ok(name.length <= 63, name);
  }
}

function checkMachines(plan: MachinesPlan, settings: Settings): void {
  const { networks, nodes } = plan;
  checkNames(nodes.map(({ domainName }) => domainName));
  distinct(nodes.map(({ name }) => name));
  distinct(
    nodes.flatMap(({ provisioning, external }) =>
      [provisioning, external].flatMap((card) => card?.mac ?? []),
    ),
  );
  for (const network of Object.values(networks)) {
    assert.ok(usable(network.hostAddress, network.cidr));
    assert.match(network.bridge, /^[a-z0-9-]{1,15}$/);
    if (!network.dhcp) continue;
    const { start, end, reservations } = network.dhcp;
    for (const each of [start, end]) assert.ok(usable(each, network.cidr));
    for (const { address } of reservations) assert.ok(usable(address, network.cidr), address);
    distinct([network.hostAddress, ...reservations.map(({ address }) => address)]);
    distinct(reservations.map(({ mac }) => mac));
  }
  for (const { external, name } of nodes) {
    if (external) assert.ok(usable(external.address, networks.external?.cidr ?? ""), name);
  }
  const ports = planBmcs(plan, settings.overcloud.bmc).map(({ port }) => port);
  distinct(ports.map(String));
  for (const port of ports) assert.ok(port > 0 && port < 65_536);
}

function checkTopology(plan: TopologyPlan, settings: Settings): void {
  checkMachines(plan, settings);
  for (const { cidr, pool, gateway, vlan } of plan.vlans) {
    for (const each of [pool.start, pool.end]) assert.ok(usable(each, cidr), `${each} ${cidr}`);
    assert.ok(bits(pool.start) <= bits(pool.end));
    if (gateway !== undefined) assert.ok(usable(gateway, cidr));
    assert.ok(vlan > 0 && vlan < 4095);
  }
}
