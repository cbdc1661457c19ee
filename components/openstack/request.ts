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

const REQUEST_TIMEOUT_MS = 60_000;

/** How an API is asked. */
export interface Way {
  signal: AbortSignal;
  /** Certificate in PEM that the API is verified against; without one, those count that the process trusts. */
  authority: string | undefined;
}

/** @throws UnreachableError, ApiError; Error where no answer comes in a minute */
export async function request(
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
