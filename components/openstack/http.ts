import { request } from "node:https";

/** What is asked of an API. */
export interface Question {
  method?: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array<ArrayBuffer>;
  signal: AbortSignal;
}

/**
 * Asks an API as `fetch` does. That takes no authority but those of the whole process, so where the API has one of its
 * own, HTTPS is spoken here.
 * @param authority certificate in PEM that the API is verified against, which then is the only one
 * @throws what `fetch` throws, or what Node says of the connection
 */
export function send(url: string, question: Question, authority?: string): Promise<Response> {
  if (authority === undefined) return fetch(url, question);
  const { method = "GET", headers = {}, body, signal } = question;
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => reject(signal.aborted ? (signal.reason as Error) : error);
    // Without an agent, each question has its own connection: one that is kept may be closed by the other end just then.
    const way = { method, headers, signal, ca: authority, agent: false };
    const asked = request(url, way, (answer) => {
      const parts: Buffer[] = [];
      answer.on("data", (part: Buffer) => parts.push(part));
      answer.once("error", fail);
      answer.once("end", () => {
        const content = Buffer.concat(parts);
        resolve(
          new Response(content.length > 0 ? content : null, {
            status: answer.statusCode ?? 0,
            headers: Object.entries(answer.headers).map(([key, value]): [string, string] => [
              key,
              String(value),
            ]),
          }),
        );
      });
    });
    asked.once("error", fail);
    asked.end(body);
  });
}
