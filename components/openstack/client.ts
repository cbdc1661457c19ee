import { readFile } from "node:fs/promises";
import pRetry, { AbortError } from "p-retry";
import { parse } from "yaml";
import { z } from "zod";
import { send } from "./http.ts";

/** An API answered, but not as asked. */
export class ApiError extends Error {
  readonly status: number;

  constructor(method: string, url: string, status: number, body: string) {
    super(`${method} ${url} answered ${status}: ${messageIn(body)}`);
    this.name = "ApiError";
    this.status = status;
  }
}

/** Nothing listens where an API should be: the control plane is gone or not there yet. */
export class UnreachableError extends Error {
  constructor(url: string, cause: unknown) {
    super(`nothing answers at ${url}`, { cause });
    this.name = "UnreachableError";
  }
}

const cloudsSchema = z.object({
  clouds: z.record(
    z.string(),
    z.object({
      auth: z.object({
        auth_url: z.string(),
        username: z.string(),
        password: z.string(),
        project_name: z.string(),
        user_domain_name: z.string(),
        project_domain_name: z.string(),
      }),
      cacert: z.string().optional(),
    }),
  ),
});

const tokenSchema = z.object({
  token: z.object({
    catalog: z.array(
      z.object({
        type: z.string(),
        endpoints: z.array(z.object({ interface: z.string(), url: z.string() })),
      }),
    ),
  }),
});

export type ServiceType = "compute" | "network" | "image" | "placement" | "identity";

/** Where to find a cloud: a clouds.yaml and the name of the cloud in it. */
export interface CloudReference {
  cloudsYaml: string;
  cloud: string;
}

/** What clouds.yaml says of a cloud. */
export interface Cloud {
  auth: z.output<typeof cloudsSchema>["clouds"][string]["auth"];
  /** Certificate in PEM that its APIs are verified against; without one, those count that the process trusts. */
  authority?: string;
}

/** @throws Error where the file or the cloud in it is missing, or a certificate that it names; ENOENT for the file alone */
export async function readCloud({ cloudsYaml, cloud }: CloudReference): Promise<Cloud> {
  const { clouds } = cloudsSchema.parse(parse(await readFile(cloudsYaml, "utf8")));
  const found = clouds[cloud];
  if (!found) throw new Error(`${cloudsYaml} has no cloud ${cloud}`);
  const { auth, cacert } = found;
  if (cacert === undefined) return { auth };
  try {
    return { auth, authority: await readFile(cacert, "utf8") };
  } catch (error) {
    throw new Error(
      `${cacert}, which ${cloudsYaml} names, can't be read; \`pulumi up\` writes it again where it is missing`,
      { cause: error },
    );
  }
}

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

const REQUEST_TIMEOUT_MS = 60_000;

/**
 * The few OpenStack calls that the steps need, over HTTP. The Python client would take three seconds of CPU to start,
 * for every compute that is removed.
 */
export class OpenStackClient {
  readonly #token: string;
  readonly #catalog: Map<string, string>;
  readonly #signal: AbortSignal;
  readonly #authority: string | undefined;
  /** What is spoken with each service. */
  readonly #versions = new Map(Object.entries(VERSIONS));

  private constructor(
    token: string,
    catalog: Map<string, string>,
    signal: AbortSignal,
    authority: string | undefined,
  ) {
    this.#token = token;
    this.#catalog = catalog;
    this.#signal = signal;
    this.#authority = authority;
  }

  /**
   * Authenticates as clouds.yaml says.
   * @param patienceSeconds how long nothing may listen before that counts as unreachable
   * @throws UnreachableError, ApiError
   */
  static async connect(
    reference: CloudReference,
    signal: AbortSignal,
    patienceSeconds = 15,
  ): Promise<OpenStackClient> {
    const { auth, authority } = await readCloud(reference);
    const body = {
      auth: {
        identity: {
          methods: ["password"],
          password: {
            user: {
              name: auth.username,
              password: auth.password,
              domain: { name: auth.user_domain_name },
            },
          },
        },
        scope: {
          project: { name: auth.project_name, domain: { name: auth.project_domain_name } },
        },
      },
    };
    const url = `${auth.auth_url}/auth/tokens`;
    const response = await pRetry(
      async () => {
        try {
          return await request("POST", url, { signal, authority }, {}, body);
        } catch (error) {
          throw error instanceof UnreachableError ? error : new AbortError(error as Error);
        }
      },
      {
        retries: Math.max(0, patienceSeconds),
        minTimeout: 1000,
        maxTimeout: 1000,
        factor: 1,
        signal,
      },
    );
    const { token } = tokenSchema.parse(await response.json());
    const catalog = new Map(
      token.catalog.flatMap(({ type, endpoints }) =>
        endpoints
          .filter((endpoint) => endpoint.interface === "public")
          .map((endpoint): [string, string] => [type, endpoint.url]),
      ),
    );
    return new OpenStackClient(
      response.headers.get("x-subject-token") ?? "",
      catalog,
      signal,
      authority,
    );
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
    const base = this.#catalog.get(service);
    if (!base) throw new Error(`the cloud's catalogue has no ${service} service`);
    const version = this.#versions.get(service);
    const headers: Record<string, string> = { "x-auth-token": this.#token };
    if (version) headers["openstack-api-version"] = `${service} ${version}`;
    try {
      return await request(method, `${base}${path}`, this.#way, headers, body);
    } catch (error) {
      // An older release: from now on the newest that it has.
      if (!(error instanceof ApiError && error.status === 406 && version)) throw error;
      const newest = await this.#newest(base);
      if (newest === version) throw error;
      this.#versions.set(service, newest);
      return await this.#call(method, service, path, body);
    }
  }

  get #way(): Way {
    return { signal: this.#signal, authority: this.#authority };
  }

  async #newest(base: string): Promise<string> {
    const headers = { "x-auth-token": this.#token };
    const answer = await request("GET", `${base}/`, this.#way, headers);
    return discoverySchema.parse(await answer.json());
  }
}

/** How an API is asked. */
interface Way {
  signal: AbortSignal;
  /** See Cloud. */
  authority: string | undefined;
}

async function request(
  method: string,
  url: string,
  { signal, authority }: Way,
  headers: Record<string, string>,
  body?: unknown,
): Promise<Response> {
  const binary = body instanceof Uint8Array;
  let response: Response;
  try {
    const question = {
      method,
      headers: {
        ...headers,
        ...(body !== undefined && {
          "content-type": binary ? "application/octet-stream" : "application/json",
        }),
      },
      ...(body !== undefined && { body: binary ? new Uint8Array(body) : JSON.stringify(body) }),
      signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]),
    };
    response = await send(url, question, authority);
  } catch (error) {
    if (isRefused(error)) throw new UnreachableError(url, error);
    if (error instanceof DOMException && error.name === "TimeoutError" && !signal.aborted) {
      throw new Error(`${method} ${url} got no answer in ${REQUEST_TIMEOUT_MS / 1000} s`, {
        cause: error,
      });
    }
    throw error;
  }
  if (!response.ok) throw new ApiError(method, url, response.status, await response.text());
  return response;
}

function isRefused(error: unknown): boolean {
  const refusal = error instanceof Error ? (error.cause ?? error) : undefined;
  const code = refusal instanceof Error && "code" in refusal ? String(refusal.code) : "";
  return ["ECONNREFUSED", "ECONNRESET", "EHOSTUNREACH", "ENETUNREACH", "UND_ERR_SOCKET"].includes(
    code,
  );
}

/** OpenStack's services wrap their message in an object named after the error's kind. */
function messageIn(body: string): string {
  const text = /"message"\s*:\s*"((?:[^"\\]|\\.)*)"/.exec(body)?.[1] ?? body;
  return text.replaceAll(/\s+/g, " ").slice(0, 300);
}
