import { z } from "zod";
import { ApiError, request } from "./request.ts";
import { logIn, type CloudReference, type Session } from "./session.ts";

export type ServiceType = "compute" | "network" | "image" | "placement" | "identity";

/** The newest API versions that these steps use; without the header the oldest are spoken. */
const VERSIONS: Partial<Record<ServiceType, string>> = {
  // From 2.95 on an evacuated server stays stopped on its new host.
  compute: "2.93",
  placement: "1.36",
};

/** How nova and placement tell what they speak, below a version's URL and at the root. */
const discoverySchema = z.union([
  z
    .object({ version: z.object({ version: z.string() }) })
    .transform(({ version }) => version.version),
  z
    .object({ versions: z.array(z.object({ max_version: z.string() })).min(1) })
    .transform(({ versions }) => versions[0]?.max_version ?? ""),
]);

/**
 * The few OpenStack calls that the steps need, over HTTP. The Python client would take three seconds of CPU to start,
 * for every compute that is removed.
 */
export class OpenStackClient {
  readonly #logIn: () => Promise<Session>;
  #session: Promise<Session>;
  /** What is spoken with each service. */
  readonly #versions = new Map(Object.entries(VERSIONS));

  private constructor(login: () => Promise<Session>) {
    this.#logIn = login;
    this.#session = login();
  }

  /**
   * Logs in as clouds.yaml says.
   * @param patienceSeconds how long nothing may listen before that counts as unreachable
   * @throws UnreachableError, ApiError
   */
  static async connect(
    reference: CloudReference,
    signal: AbortSignal,
    patienceSeconds?: number,
  ): Promise<OpenStackClient> {
    const client = new OpenStackClient(() => logIn(reference, signal, patienceSeconds));
    await client.#session;
    return client;
  }

  /** @throws UnreachableError, ApiError; also where the answer leaves out what the service itself could not get at */
  async get<T>(service: ServiceType, path: string, schema: z.ZodType<T>): Promise<T> {
    const response = await this.#call("GET", service, path);
    const body: unknown = await response.json();
    const { success, data, error } = schema.safeParse(body);
    if (success) return data;
    // While nova does not reach a cell's database, it lists what is in there by its key alone.
    if (JSON.stringify(body).includes('"status":"UNKNOWN"')) {
      throw new ApiError("GET", response.url, 503, "nova does not reach the database of its cell");
    }
    throw error;
  }

  /** @returns the answer's body as it is, to be parsed by whoever needs it */
  async post(service: ServiceType, path: string, body: unknown): Promise<unknown> {
    const text = await (await this.#call("POST", service, path, body)).text();
    return text === "" ? undefined : JSON.parse(text);
  }

  async put(service: ServiceType, path: string, body: unknown): Promise<void> {
    await this.#call("PUT", service, path, body);
  }

  /** Uploads bytes, as the image service takes them. */
  async upload(service: ServiceType, path: string, content: Uint8Array): Promise<void> {
    await this.#call("PUT", service, path, content);
  }

  /** Deletes; what is gone already counts as deleted. */
  async delete(service: ServiceType, path: string): Promise<void> {
    try {
      await this.#call("DELETE", service, path);
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) throw error;
    }
  }

  async #call(
    method: string,
    service: ServiceType,
    path: string,
    body?: unknown,
  ): Promise<Response> {
    const version = this.#versions.get(service);
    try {
      return await this.#loggedIn(({ token, catalog, way }) => {
        const headers: Record<string, string> = { "x-auth-token": token };
        if (version) headers["openstack-api-version"] = `${service} ${version}`;
        return request(method, `${urlOf(service, catalog)}${path}`, way, headers, body);
      });
    } catch (error) {
      // An older release: from now on the newest that it has.
      if (!(error instanceof ApiError && error.status === 406 && version)) throw error;
      const newest = await this.#newest(service);
      if (newest === version) throw error;
      this.#versions.set(service, newest);
      return await this.#call(method, service, path, body);
    }
  }

  async #newest(service: ServiceType): Promise<string> {
    const answer = await this.#loggedIn(({ token, catalog, way }) =>
      request("GET", `${urlOf(service, catalog)}/`, way, { "x-auth-token": token }),
    );
    return discoverySchema.parse(await answer.json());
  }

  /** Asks, and where that is refused logs in again and asks once more: a token lasts an hour, by the clock of the cloud. */
  async #loggedIn(ask: (session: Session) => Promise<Response>): Promise<Response> {
    const session = this.#session;
    try {
      return await ask(await session);
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 401)) throw error;
      // Others may have asked at the same time; who can't log in tries with the next question.
      if (this.#session === session) {
        this.#session = this.#logIn();
        this.#session.catch(() => (this.#session = session));
      }
      return await ask(await this.#session);
    }
  }
}

function urlOf(service: ServiceType, catalog: Session["catalog"]): string {
  const url = catalog.get(service);
  if (url === undefined) throw new Error(`the cloud's catalogue has no ${service} service`);
  return url;
}
