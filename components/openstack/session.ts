import { readFile } from "node:fs/promises";
import pRetry, { AbortError } from "p-retry";
import { parse } from "yaml";
import { z } from "zod";
import { request, UnreachableError, type Way } from "./request.ts";

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

/** What a cloud gives who logs in. */
export interface Session {
  token: string;
  /** URLs of the APIs by the type of their service. */
  catalog: ReadonlyMap<string, string>;
  /** How they are asked. */
  way: Way;
}

/**
 * Logs in as clouds.yaml says.
 * @param patienceSeconds how long nothing may listen before that counts as unreachable
 * @throws UnreachableError, ApiError, and what readCloud throws
 */
export async function logIn(
  reference: CloudReference,
  signal: AbortSignal,
  patienceSeconds = 15,
): Promise<Session> {
  const { auth, authority } = await readCloud(reference);
  const way = { signal, authority };
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
        return await request("POST", url, way, {}, body);
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
  return { token: response.headers.get("x-subject-token") ?? "", catalog, way };
}
