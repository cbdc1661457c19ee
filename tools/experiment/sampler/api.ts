import { stat } from "node:fs/promises";
import { novaServices } from "../../../components/openstack/compute.ts";
import { OpenStackClient } from "../../../components/openstack/client.ts";
import type { CloudReference } from "../../../components/openstack/session.ts";
import type { ServiceType } from "../../../components/openstack/client.ts";
import { z } from "zod";
import type { Probe, Values } from "./probe.ts";

/** Milliseconds after which a request counts as failed. */
const REQUEST_MS = 10_000;

/** Minutes after which a token is renewed; keystone's live an hour. */
const TOKEN_MINUTES = 30;

/** One cheap request of each API: it looks into the API's database and answers with a few hundred bytes at most. */
export const REQUESTS: Record<string, { service: ServiceType; path: string }> = {
  keystone: { service: "identity", path: "/regions" },
  placement: { service: "placement", path: "/traits?name=startswith:CUSTOM_NONE" },
  glance: { service: "image", path: "/v2/images?limit=1" },
  neutron: { service: "network", path: "/v2.0/subnetpools?limit=1&fields=id" },
  nova: { service: "compute", path: "/flavors?limit=1" },
};

/**
 * A client of the cloud for all API probes, made when the cloud is there. It is made anew before its token ends, and when
 * the cloud's files were written anew: its URLs may be others, where a step has its APIs speak TLS or speak it no more.
 */
export class CloudAccess {
  readonly #cloud: () => Promise<CloudReference | undefined>;
  readonly #stopped = new AbortController();
  #client: Promise<OpenStackClient> | undefined;
  #until = 0;
  /** When the files were written that the client was made from, in milliseconds. */
  #from: number | undefined;
  #requests = 0;

  /** @param cloud where the cloud's files are; undefined while there is none */
  constructor(cloud: () => Promise<CloudReference | undefined>) {
    this.#cloud = cloud;
  }

  get requests(): number {
    return this.#requests;
  }

  async client(): Promise<OpenStackClient> {
    const cloud = await this.#cloud();
    const written = cloud && (await stat(cloud.cloudsYaml).catch(() => undefined))?.mtimeMs;
    if (!this.#client || Date.now() > this.#until || written !== this.#from) {
      this.#until = Date.now() + TOKEN_MINUTES * 60_000;
      this.#from = written;
      const made = this.#connect(cloud);
      made.catch(() => (this.#client = undefined));
      this.#client = made;
    }
    return await this.#client;
  }

  count(): void {
    this.#requests += 1;
  }

  close(): void {
    this.#stopped.abort(new Error("the sampling ended"));
  }

  /** Resolves or rejects with the work, and rejects after the time of a request or when the sampling ends. */
  async bounded<T>(work: Promise<T>): Promise<T> {
    work.catch(() => {});
    const signal = AbortSignal.any([AbortSignal.timeout(REQUEST_MS), this.#stopped.signal]);
    return await Promise.race([
      work,
      new Promise<never>((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
      }),
    ]);
  }

  async #connect(cloud: CloudReference | undefined): Promise<OpenStackClient> {
    if (!cloud) throw new Error("there is no cloud yet");
    this.count();
    return await OpenStackClient.connect(cloud, this.#stopped.signal, 0);
  }
}

/** Latency of one API, or that it failed. */
export class ApiProbe implements Probe {
  readonly name: string;
  readonly parallel = 5;
  readonly share = 1;
  readonly #api: string;
  readonly #access: CloudAccess;

  constructor(api: string, access: CloudAccess) {
    this.name = `api.${api}`;
    this.#api = api;
    this.#access = access;
  }

  async read(): Promise<Values> {
    const { service, path } = REQUESTS[this.#api] as (typeof REQUESTS)[string];
    // Authentication is not measured: it is done once in a while. While it fails, no API can be used.
    const client = await this.#access.bounded(this.#access.client());
    this.#access.count();
    const start = performance.now();
    try {
      await this.#access.bounded(client.get(service, path, z.unknown()));
    } catch {
      return { ms: null, failed: 1 };
    }
    return { ms: performance.now() - start, failed: 0 };
  }

  close(): void {
    this.#access.close();
  }
}

/** Nova's services: computes that are registered and up, and how many of each other kind are up. */
export class ServicesProbe implements Probe {
  readonly name = "services";
  readonly parallel = 1;
  // With hundreds of computes the list takes nova a noticeable time.
  readonly share = 0.25;
  readonly #access: CloudAccess;

  constructor(access: CloudAccess) {
    this.#access = access;
  }

  async read(): Promise<Values> {
    const client = await this.#access.bounded(this.#access.client());
    this.#access.count();
    const services = await this.#access.bounded(novaServices(client));
    const of = (binary: string) => services.filter((service) => service.binary === binary);
    const up = (binary: string) => of(binary).filter(({ state }) => state === "up").length;
    const others = new Set(services.map(({ binary }) => binary));
    others.delete("nova-compute");
    return {
      "computes.registered": of("nova-compute").length,
      "computes.up": up("nova-compute"),
      ...Object.fromEntries([...others].map((binary) => [binary, up(binary)])),
    };
  }

  close(): void {
    this.#access.close();
  }
}
