import path from "node:path";
import type Docker from "dockerode";
import type { CloudReference } from "../../../components/openstack/session.ts";
import type { Cost } from "../result.ts";
import { ApiProbe, CloudAccess, REQUESTS, ServicesProbe } from "./api.ts";
import { BrokerProbe, brokerClient } from "./broker.ts";
import { Containers } from "./containers.ts";
import { DATABASE_CLIENT, DatabaseProbe } from "./database.ts";
import { MachineProbe } from "./machine.ts";
import { Sampler } from "./sampler.ts";
import { ServiceClient } from "./service-client.ts";

export interface CollectorOptions {
  docker: Docker;
  stack: string;
  cloud: () => Promise<CloudReference | undefined>;
  file: string;
  intervalSeconds: number;
  now: () => number;
}

/** A sampler with everything that there is to be seen of a stack, and the account of what that costs. */
export class Collector {
  readonly sampler: Sampler;
  readonly #clients: Record<string, ServiceClient>;
  readonly #access: CloudAccess;
  readonly #since = performance.now();
  readonly #cpu = process.cpuUsage();

  constructor({ docker, stack, cloud, file, intervalSeconds, now }: CollectorOptions) {
    const clients: Record<string, ServiceClient> = {};
    const containers = new Containers(
      docker,
      stack,
      (service) => clients[service]?.cost().memoryMb ?? 0,
    );
    clients["mariadb"] = new ServiceClient(containers, "mariadb", DATABASE_CLIENT);
    const unique = `${process.pid}`;
    clients["rabbitmq"] = new ServiceClient(containers, "rabbitmq", brokerClient(unique));
    this.#clients = clients;
    this.#access = new CloudAccess(cloud);
    const probes = [
      new MachineProbe(),
      containers,
      new DatabaseProbe(clients["mariadb"]),
      new BrokerProbe(clients["rabbitmq"]),
      new ServicesProbe(this.#access),
      ...Object.keys(REQUESTS).map((api) => new ApiProbe(api, this.#access)),
    ];
    this.sampler = new Sampler(probes, path.resolve(file), intervalSeconds, now);
  }

  /** What all of it took since the beginning. */
  cost(): Cost {
    const { user, system } = process.cpuUsage(this.#cpu);
    const costs = Object.entries(this.#clients).map(
      ([service, client]) => [service, client.cost()] as const,
    );
    return {
      seconds: (performance.now() - this.#since) / 1000,
      cpuSeconds: (user + system) / 1e6,
      clientCpuSeconds: Object.fromEntries(
        costs.map(([name, { cpuSeconds }]) => [name, cpuSeconds]),
      ),
      clientMemory: Object.fromEntries(costs.map(([name, { memoryMb }]) => [name, memoryMb])),
      databaseStatements: 2 * (this.#clients["mariadb"]?.cost().questions ?? 0),
      apiRequests: this.#access.requests,
    };
  }
}

/** The account of several runs of one experiment. */
export function addCosts(a: Cost, b: Cost): Cost {
  const sum = (x: Record<string, number>, y: Record<string, number>) =>
    Object.fromEntries(
      [...new Set([...Object.keys(x), ...Object.keys(y)])].map((key) => [
        key,
        (x[key] ?? 0) + (y[key] ?? 0),
      ]),
    );
  return {
    seconds: a.seconds + b.seconds,
    cpuSeconds: a.cpuSeconds + b.cpuSeconds,
    clientCpuSeconds: sum(a.clientCpuSeconds, b.clientCpuSeconds),
    // They are not there at the same time.
    clientMemory: { ...a.clientMemory, ...b.clientMemory },
    databaseStatements: a.databaseStatements + b.databaseStatements,
    apiRequests: a.apiRequests + b.apiRequests,
  };
}

export const NO_COST: Cost = {
  seconds: 0,
  cpuSeconds: 0,
  clientCpuSeconds: {},
  clientMemory: {},
  databaseStatements: 0,
  apiRequests: 0,
};
