import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server as HttpServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { buffer } from "node:stream/consumers";
import { cloudsYaml } from "../../components/access/documents.ts";
import type { CloudReference } from "../../components/openstack/session.ts";
import { MICROVERSIONS } from "../../components/standalone/services.ts";
import type { Action, ActionContext } from "../../components/step/action.ts";
import type { ApiCertificates } from "../../components/tls/api-certificates.ts";

export interface FakeService {
  id: string;
  binary: string;
  host: string;
  status: "enabled" | "disabled";
  state: "up" | "down";
  forced_down: boolean;
  disabled_reason: string | null;
  updated_at: string | null;
}

export interface FakeServer {
  id: string;
  name: string;
  project: string;
  host: string;
  status: string;
  taskState: string | null;
}

interface Allocation {
  project_id: string;
  user_id: string;
  generation: number;
  /** Resources by provider. */
  resources: Record<string, Record<string, number>>;
}

class Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Record<string, string>;
  constructor(status: number, body?: unknown, headers: Record<string, string> = {}) {
    this.status = status;
    this.body = body;
    this.headers = headers;
  }
}

/** An error of the API: thrown wherever a rule is broken. */
class Refusal extends Error {
  readonly answer: Answer;
  constructor(status: number, message: string) {
    super(message);
    this.answer = new Answer(status, { error: { code: status, message } });
  }
}

const problem = (status: number, message: string) => new Refusal(status, message);

interface Call {
  method: string;
  /** Path below the API's own, without the query. */
  path: string;
  query: URLSearchParams;
  body: unknown;
  bytes: Buffer;
  contentType: string;
  /** Minor part of the microversion asked for; undefined is the oldest. */
  minor: number | undefined;
}

export const PASSWORD = "it's $ecret";

/** Quantity that one server takes. */
const FLAVOR = { VCPU: 1, MEMORY_MB: 512 };

/**
 * Keystone, nova, placement, neutron and glance on one port: as much as the steps use, with the rules that the real
 * ones enforce. State is public: tests arrange and judge it directly.
 */
export class FakeOpenStack {
  services: FakeService[] = [];
  servers: FakeServer[] = [];
  migrations: {
    status: string;
    source_compute: string;
    dest_compute: string | null;
    instance_uuid: string;
  }[] = [];
  hypervisors: { id: string; hypervisor_hostname: string; state: string }[] = [];
  agents: { id: string; host: string; agent_type: string; alive: boolean }[] = [];
  providers: { uuid: string; name: string; generation: number }[] = [];
  allocations = new Map<string, Allocation>();
  networks: { id: string; name: string }[] = [];
  subnets: { id: string; network_id: string; cidr: string; enable_dhcp: boolean }[] = [];
  flavors: { name: string; public: boolean }[] = [];
  images: { id: string; name: string; status: string; bytes: number }[] = [];

  /** Everything asked for, `METHOD service/path`. */
  readonly requests: string[] = [];
  /** What hypervisors were asked for by; empty for all of them. */
  readonly patterns: string[] = [];
  /** Answers that are used up before the real ones, by the beginning of `METHOD service/path`. */
  readonly failures: { call: string; answer: number; times: number }[] = [];
  /** Minor part of the newest version that a service speaks, where it is an old one. */
  newest: Record<string, number> = {};
  /** While true, nova does not reach its cell: it lists services by host and binary alone. */
  cellDown = false;
  /** While true, connections are taken and nothing is ever answered. */
  hangs = false;
  /** Milliseconds that an evacuation or a deletion takes. */
  delayMs = 50;

  readonly cloud: CloudReference;
  /** Where a guard of this cloud leaves its marker. */
  readonly marker: string;
  readonly url: string;
  readonly #http: HttpServer;
  readonly #folder: string;
  readonly #authorityFile: string | undefined;
  #token = randomUUID();

  private constructor(http: HttpServer, certificates: ApiCertificates | undefined) {
    this.#http = http;
    this.url = `${certificates ? "https" : "http"}://127.0.0.1:${(http.address() as AddressInfo).port}`;
    this.#folder = mkdtempSync(path.join(tmpdir(), "overcloud-openstack-"));
    const file = path.join(this.#folder, "clouds.yaml");
    this.cloud = { cloudsYaml: file, cloud: "fake" };
    this.marker = path.join(this.#folder, "scale-down.pending");
    if (certificates) {
      this.#authorityFile = path.join(this.#folder, "ca.pem");
      writeFileSync(this.#authorityFile, certificates.authority);
    }
    this.#writeAccess(PASSWORD);
    http.on("request", (request, response) => {
      void this.#answer(request).then((answer) => {
        if (answer === undefined) return;
        const text = answer.body === undefined ? "" : JSON.stringify(answer.body);
        response.writeHead(answer.status, {
          "content-type": "application/json",
          ...answer.headers,
        });
        response.end(text);
      });
    });
  }

  /** @param certificates what it speaks TLS with; left out for a cloud that does not */
  static async start(certificates?: ApiCertificates): Promise<FakeOpenStack> {
    const { certificate: cert, privateKey: key } = certificates?.apis.keystone ?? {};
    const http = certificates ? createTlsServer({ cert, key }) : createServer();
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    return new FakeOpenStack(http, certificates);
  }

  async stop(): Promise<void> {
    await this.disappear();
    rmSync(this.#folder, { recursive: true });
  }

  /** Takes no token any more that was given out so far. */
  expireTokens(): void {
    this.#token = randomUUID();
  }

  /** Closes the port and keeps clouds.yaml: what is left of a control plane whose containers are gone. */
  async disappear(): Promise<void> {
    this.#http.closeAllConnections();
    await new Promise((resolve) => this.#http.close(resolve));
  }

  #writeAccess(adminPassword: string): void {
    const authUrl = `${this.url}/identity/v3`;
    const text = cloudsYaml({
      cloud: "fake",
      authUrl,
      adminPassword,
      microversions: MICROVERSIONS,
      ...(this.#authorityFile !== undefined && { authorityFile: this.#authorityFile }),
    });
    writeFileSync(this.cloud.cloudsYaml, text, { mode: 0o600 });
  }

  usePassword(password: string): void {
    this.#writeAccess(password);
  }

  /** A compute that runs, with everything that makes it one. */
  addCompute(host: string, change: Partial<FakeService> = {}): void {
    this.services.push({
      id: randomUUID(),
      binary: "nova-compute",
      host,
      status: "enabled",
      state: "up",
      forced_down: false,
      disabled_reason: null,
      updated_at: null,
      ...change,
    });
    this.hypervisors.push({ id: randomUUID(), hypervisor_hostname: host, state: "up" });
    this.agents.push({
      id: randomUUID(),
      host,
      agent_type: "OVN Controller agent",
      alive: true,
    });
    this.providers.push({ uuid: randomUUID(), name: host, generation: 2 });
  }

  addComputes(count: number): void {
    for (let index = 0; index < count; index += 1) this.addCompute(`compute-${index}`);
  }

  addServer(name: string, host: string, change: Partial<FakeServer> = {}): FakeServer {
    const server = {
      id: randomUUID(),
      name,
      project: "tenant",
      host,
      status: "ACTIVE",
      taskState: null,
      ...change,
    };
    this.servers.push(server);
    const provider = this.provider(host);
    this.allocations.set(server.id, {
      project_id: "p",
      user_id: "u",
      generation: 1,
      resources: { [provider.uuid]: FLAVOR },
    });
    return server;
  }

  service(host: string): FakeService | undefined {
    return this.services.find((each) => each.host === host);
  }

  provider(host: string): { uuid: string; name: string } {
    const found = this.providers.find(({ name }) => name === host);
    if (!found) throw new Error(`no provider ${host}`);
    return found;
  }

  /** All that is known of a host, for "nothing is left" and "nothing changed". */
  traces(host: string): unknown {
    const uuids = this.providers.filter(({ name }) => name === host).map(({ uuid }) => uuid);
    return structuredClone({
      services: this.services.filter((each) => each.host === host),
      hypervisors: this.hypervisors.filter((each) => each.hypervisor_hostname === host),
      agents: this.agents.filter((each) => each.host === host),
      servers: this.servers.filter((each) => each.host === host),
      providers: uuids,
      allocations: [...this.allocations].filter(([, { resources }]) =>
        uuids.some((uuid) => uuid in resources),
      ),
    });
  }

  /** What changed anything, in order. */
  changes(): string[] {
    return this.requests.filter((call) => !call.startsWith("GET") && !call.includes("identity/"));
  }

  async #answer(request: IncomingMessage): Promise<Answer | undefined> {
    try {
      return await this.#route(request);
    } catch (error) {
      if (error instanceof Refusal) return error.answer;
      return problem(500, `the fake failed: ${String(error)}`).answer;
    }
  }

  async #route(request: IncomingMessage): Promise<Answer | undefined> {
    const method = request.method ?? "";
    const url = new URL(request.url ?? "", this.url);
    const [, service = "", ...rest] = url.pathname.split("/");
    const bytes = await buffer(request);
    const contentType = request.headers["content-type"] ?? "";
    const call = `${method} ${service}/${rest.join("/")}`;
    this.requests.push(call);
    if (this.hangs) return undefined;
    const failure = this.failures.find((each) => each.times > 0 && call.startsWith(each.call));
    if (failure) {
      failure.times -= 1;
      throw problem(failure.answer, "the service is busy");
    }
    const isJson = contentType.startsWith("application/json");
    const body: unknown = isJson && bytes.length > 0 ? JSON.parse(bytes.toString()) : undefined;
    if (service === "identity") return this.#identity(method, rest.join("/"), body);
    if (rest.filter(Boolean).length === 0) return new Answer(200, { versions: [] });
    const newest = this.newest[service];
    if (newest !== undefined && service === "compute" && rest.join("/") === "v2.1/") {
      return new Answer(200, { version: { version: `2.${newest}` } });
    }
    if (request.headers["x-auth-token"] !== this.#token) throw problem(401, "token required");
    const version = String(request.headers["openstack-api-version"] ?? "");
    const [, asked, minor] = /^(\w+) \d+\.(\d+)$/.exec(version) ?? [];
    const details: Call = {
      method,
      path: rest.join("/"),
      query: url.searchParams,
      body,
      bytes,
      contentType,
      minor: asked === service ? Number(minor) : undefined,
    };
    if (newest !== undefined && (details.minor ?? 0) > newest) {
      throw problem(406, `Version ${minor} is not supported by the API.`);
    }
    switch (service) {
      case "compute":
        return this.#compute({ ...details, path: details.path.replace(/^v2\.1\//, "") });
      case "placement":
        return this.#placement(details);
      case "network":
        return this.#network({ ...details, path: details.path.replace(/^v2\.0\//, "") });
      case "image":
        return this.#image({ ...details, path: details.path.replace(/^v2\//, "") });
      default:
        throw problem(404, "no such service");
    }
  }

  #identity(method: string, where: string, body: unknown): Answer {
    if (method === "GET") return new Answer(200, { version: { id: "v3" } });
    if (where !== "v3/auth/tokens") throw problem(404, "not found");
    const { auth } = body as {
      auth: {
        identity: { password: { user: { name: string; password: string; domain: object } } };
        scope: { project: { name: string } };
      };
    };
    const { user } = auth.identity.password;
    if (
      user.name !== "admin" ||
      user.password !== PASSWORD ||
      auth.scope.project.name !== "admin"
    ) {
      throw problem(401, "The request you have made requires authentication.");
    }
    const entry = (type: string, suffix = "") => ({
      type,
      endpoints: [
        { interface: "internal", url: "http://192.0.2.1:1/unreachable" },
        { interface: "public", url: `${this.url}/${type}${suffix}` },
      ],
    });
    const catalog = [
      entry("identity"),
      entry("compute", "/v2.1"),
      entry("placement"),
      entry("network"),
      entry("image"),
    ];
    return new Answer(201, { token: { catalog } }, { "x-subject-token": this.#token });
  }

  #compute({ method, path: where, query, body, minor = 1 }: Call): Answer {
    const [collection, id = "", action] = where.split("/");
    switch (`${method} ${collection}`) {
      case "GET os-services":
        if (this.cellDown) {
          const unknown = this.services.map(({ host, binary }) => ({ host, binary }));
          return new Answer(200, {
            services: unknown.map((each) => ({ ...each, status: "UNKNOWN" })),
          });
        }
        return new Answer(200, {
          services: this.services.filter(
            (each) =>
              (!query.has("host") || each.host === query.get("host")) &&
              (!query.has("binary") || each.binary === query.get("binary")),
          ),
        });
      case "PUT os-services":
        if (minor < 53) throw problem(404, "services have no UUID in this version");
        return this.#updateService(id, body as Partial<FakeService>);
      case "DELETE os-services":
        return this.#deleteService(id);
      case "GET os-hypervisors":
        return this.#listHypervisors(query.get("hypervisor_hostname_pattern") ?? "");
      case "GET os-migrations":
        return new Answer(200, {
          migrations: this.migrations.filter(
            ({ source_compute, dest_compute }) =>
              !query.has("host") || [source_compute, dest_compute].includes(query.get("host")),
          ),
        });
      case "GET servers":
        return this.#listServers(query);
      case "DELETE servers": {
        const server = this.#server(id);
        server.taskState = "deleting";
        setTimeout(() => {
          this.servers = this.servers.filter((each) => each !== server);
          this.allocations.delete(server.id);
        }, this.delayMs);
        return new Answer(204);
      }
      case "POST servers":
        if (action !== "action") throw problem(404, "not found");
        return this.#evacuate(this.#server(id), body as { evacuate?: object }, minor);
      case "GET flavors": {
        const all = query.get("is_public")?.toLowerCase() === "none";
        return new Answer(200, { flavors: this.flavors.filter((each) => all || each.public) });
      }
      case "POST flavors": {
        const { flavor } = body as { flavor: { name: string; vcpus: number; ram: number } };
        if (this.flavors.some(({ name }) => name === flavor.name)) throw problem(409, "exists");
        this.flavors.push({ name: flavor.name, public: true });
        return new Answer(200, { flavor });
      }
      default:
        throw problem(404, `${method} ${where}`);
    }
  }

  #updateService(id: string, body: Partial<FakeService>): Answer {
    const service = this.services.find((each) => each.id === id);
    if (!service) throw problem(404, `Service ${id} not found.`);
    const known = ["status", "disabled_reason", "forced_down"];
    if (Object.keys(body).length === 0 || Object.keys(body).some((key) => !known.includes(key))) {
      throw problem(400, "Invalid input for service");
    }
    if (body.disabled_reason !== undefined && body.status !== "disabled") {
      throw problem(400, "Specifying disabled_reason is only valid when status is disabled.");
    }
    const evacuated = ({ status, source_compute }: (typeof this.migrations)[number]) =>
      status === "done" && source_compute === service.host;
    if (body.forced_down === false && this.migrations.some(evacuated)) {
      throw problem(400, `Unable to force up host ${service.host}`);
    }
    if (body.status !== undefined) {
      service.status = body.status;
      service.disabled_reason = body.disabled_reason ?? null;
    }
    if (body.forced_down !== undefined) {
      service.forced_down = body.forced_down;
      service.state = body.forced_down ? "down" : "up";
    }
    return new Answer(200, { service });
  }

  #deleteService(id: string): Answer {
    const service = this.services.find((each) => each.id === id);
    if (!service) throw problem(404, `Service ${id} not found.`);
    const { host } = service;
    if (this.servers.some((server) => server.host === host)) {
      throw problem(409, "Unable to delete compute service that is hosting instances.");
    }
    const open = new Set(["queued", "preparing", "running", "pre-migrating", "migrating"]);
    if (
      this.migrations.some(
        ({ status, source_compute, dest_compute }) =>
          open.has(status) && [source_compute, dest_compute].includes(host),
      )
    ) {
      throw problem(409, "Unable to delete compute service that has in-progress migrations.");
    }
    this.services = this.services.filter((each) => each !== service);
    this.hypervisors = this.hypervisors.filter((each) => each.hypervisor_hostname !== host);
    // As nova does: with the provider if it can, in silence if placement refuses.
    this.providers = this.providers.filter(
      ({ uuid, name }) => name !== host || this.#consumersOf(uuid).length > 0,
    );
    return new Answer(204);
  }

  #listHypervisors(pattern: string): Answer {
    this.patterns.push(pattern);
    const found = this.hypervisors.filter((each) => each.hypervisor_hostname.includes(pattern));
    if (pattern !== "" && found.length === 0) {
      throw problem(404, `No hypervisor matching '${pattern}' could be found.`);
    }
    return new Answer(200, { hypervisors: found });
  }

  #server(id: string): FakeServer {
    const server = this.servers.find((each) => each.id === id);
    if (!server) throw problem(404, `Instance ${id} could not be found.`);
    return server;
  }

  #listServers(query: URLSearchParams): Answer {
    const visible = this.servers.filter(
      (server) =>
        (query.get("all_tenants") === "1" || server.project === "admin") &&
        (!query.has("host") || server.host === query.get("host")),
    );
    let from = 0;
    const marker = query.get("marker");
    if (marker !== null) {
      from = visible.findIndex(({ id }) => id === marker) + 1;
      if (from === 0) throw problem(400, `marker [${marker}] not found`);
    }
    const limit = Math.min(Number(query.get("limit") ?? 1000), 1000);
    return new Answer(200, {
      servers: visible.slice(from, from + limit).map((server) => ({
        id: server.id,
        name: server.name,
        status: server.status,
        "OS-EXT-SRV-ATTR:host": server.host,
        "OS-EXT-STS:task_state": server.taskState,
      })),
    });
  }

  #evacuate(server: FakeServer, body: { evacuate?: object }, minor: number): Answer {
    if (!body.evacuate || "onSharedStorage" in body.evacuate) throw problem(400, "Invalid input");
    if (!["ACTIVE", "SHUTOFF", "ERROR"].includes(server.status) || server.taskState !== null) {
      throw problem(
        409,
        `Cannot 'evacuate' instance ${server.id} while it is in vm_state ${server.status}`,
      );
    }
    const source = this.service(server.host);
    if (source?.state === "up") {
      throw problem(400, `Compute service of ${server.host} is still in use.`);
    }
    server.taskState = "rebuilding";
    const target = this.services.find(
      ({ binary, host, status, state }) =>
        binary === "nova-compute" && host !== server.host && status === "enabled" && state === "up",
    );
    const later = (work: () => void) => setTimeout(work, this.delayMs);
    if (!target) {
      later(() => Object.assign(server, { status: "ERROR", taskState: null }));
      return new Answer(200);
    }
    const migration = {
      status: "accepted",
      source_compute: server.host,
      dest_compute: target.host,
      instance_uuid: server.id,
    };
    this.migrations.push(migration);
    // The allocation on the source stays until that host returns and cleans up.
    const allocation = this.allocations.get(server.id);
    if (allocation) allocation.resources[this.provider(target.host).uuid] = FLAVOR;
    later(() => {
      server.host = target.host;
      server.taskState = "rebuild_spawning";
      migration.status = "pre-migrating";
      later(() => {
        server.taskState = null;
        migration.status = "done";
        // From 2.95 on, an evacuated server stays stopped.
        server.status = minor >= 95 ? "SHUTOFF" : "ACTIVE";
      });
    });
    return new Answer(200);
  }

  #consumersOf(provider: string): string[] {
    return [...this.allocations]
      .filter(([, { resources }]) => provider in resources)
      .map(([consumer]) => consumer);
  }

  #placement({ method, path: where, query, body, minor = 0 }: Call): Answer {
    const [collection, id = "", sub] = where.split("/");
    if (collection === "resource_providers" && id === "") {
      const name = query.get("name");
      return new Answer(200, {
        resource_providers: this.providers.filter((each) => name === null || each.name === name),
      });
    }
    if (collection === "resource_providers") {
      const provider = this.providers.find(({ uuid }) => uuid === id);
      if (!provider) throw problem(404, `No resource provider with uuid ${id} found`);
      const consumers = this.#consumersOf(id);
      if (method === "GET" && sub === "allocations") {
        const entries = consumers.map((consumer): [string, unknown] => [
          consumer,
          { resources: this.allocations.get(consumer)?.resources[id] },
        ]);
        return new Answer(200, { allocations: Object.fromEntries(entries) });
      }
      if (method !== "DELETE") throw problem(405, method);
      if (consumers.length > 0) throw problem(409, "Unable to delete: allocations exist.");
      this.providers = this.providers.filter((each) => each !== provider);
      return new Answer(204);
    }
    const held = this.allocations.get(id);
    switch (method) {
      case "GET":
        if (!held) return new Answer(200, { allocations: {} });
        return new Answer(200, {
          allocations: Object.fromEntries(
            Object.entries(held.resources).map(([uuid, resources]) => [uuid, { resources }]),
          ),
          ...(minor >= 12 && { project_id: held.project_id, user_id: held.user_id }),
          ...(minor >= 28 && { consumer_generation: held.generation }),
        });
      case "PUT": {
        const wanted = body as {
          allocations: Record<string, { resources: Record<string, number> }>;
          project_id?: string;
          user_id?: string;
          consumer_generation?: number | null;
        };
        if (!wanted.project_id || !wanted.user_id || minor < 28) throw problem(400, "malformed");
        if (wanted.consumer_generation !== (held?.generation ?? null)) {
          throw problem(409, "consumer generation conflict");
        }
        this.allocations.set(id, {
          project_id: wanted.project_id,
          user_id: wanted.user_id,
          generation: (held?.generation ?? 0) + 1,
          resources: Object.fromEntries(
            Object.entries(wanted.allocations).map(([uuid, { resources }]) => [uuid, resources]),
          ),
        });
        return new Answer(204);
      }
      case "DELETE":
        if (!this.allocations.delete(id)) throw problem(404, `No allocations for ${id}`);
        return new Answer(204);
      default:
        throw problem(405, method);
    }
  }

  #network({ method, path: where, query, body }: Call): Answer {
    const [collection, id = ""] = where.split("/");
    switch (`${method} ${collection}`) {
      case "GET agents":
        return new Answer(200, {
          agents: this.agents.filter(
            ({ host }) => !query.has("host") || host === query.get("host"),
          ),
        });
      case "DELETE agents": {
        const left = this.agents.filter((each) => each.id !== id);
        if (left.length === this.agents.length) throw problem(404, `Agent ${id} not found`);
        this.agents = left;
        return new Answer(204);
      }
      case "GET networks":
        return new Answer(200, {
          networks: this.networks.filter(({ name }) => name === query.get("name")),
        });
      case "POST networks": {
        const { network } = body as { network: { name: string } };
        const created = { id: randomUUID(), name: network.name };
        this.networks.push(created);
        return new Answer(201, { network: created });
      }
      case "GET subnets":
        return new Answer(200, {
          subnets: this.subnets.filter(({ network_id }) => network_id === query.get("network_id")),
        });
      case "POST subnets": {
        const { subnet } = body as {
          subnet: { network_id: string; ip_version: number; cidr: string; enable_dhcp: boolean };
        };
        if (!this.networks.some((each) => each.id === subnet.network_id) || !subnet.cidr) {
          throw problem(400, "Invalid input for subnet");
        }
        const { network_id, cidr, enable_dhcp } = subnet;
        const created = { id: randomUUID(), network_id, cidr, enable_dhcp };
        this.subnets.push(created);
        return new Answer(201, { subnet: created });
      }
      default:
        throw problem(404, `${method} ${where}`);
    }
  }

  #image({ method, path: where, query, body, bytes, contentType }: Call): Answer {
    const [, id = "", sub] = where.split("/");
    if (method === "GET") {
      return new Answer(200, {
        images: this.images.filter(({ name }) => name === query.get("name")),
      });
    }
    if (method === "POST") {
      const { name } = body as { name: string };
      const created = { id: randomUUID(), name, status: "queued", bytes: 0 };
      this.images.push(created);
      return new Answer(201, created);
    }
    const image = this.images.find((each) => each.id === id);
    if (!image || sub !== "file") throw problem(404, "no image");
    if (contentType !== "application/octet-stream") throw problem(415, "Unsupported media type");
    if (image.status !== "queued") throw problem(409, "Image status transition is not allowed");
    Object.assign(image, { status: "active", bytes: bytes.length });
    return new Answer(204);
  }
}

export async function withCloud(
  work: (cloud: FakeOpenStack) => Promise<void>,
  certificates?: ApiCertificates,
): Promise<void> {
  const cloud = await FakeOpenStack.start(certificates);
  try {
    await work(cloud);
  } finally {
    await cloud.stop();
  }
}

/** Runs an action as a step does, and keeps what it reports. */
export async function perform<Args>(
  action: Action<Args>,
  args: Args,
  context: Partial<ActionContext> = {},
): Promise<{ result: unknown; reports: string[] }> {
  const reports: string[] = [];
  const result = await action(args, {
    report: (line) => reports.push(line),
    signal: AbortSignal.timeout(20_000),
    readInput: () => Promise.resolve(""),
    previous: "",
    run: ({ argv }) => Promise.reject(new Error(`nothing runs ${argv.join(" ")} here`)),
    ...context,
  });
  return { result, reports };
}
