import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { describe, it } from "node:test";
import { createServer, type TLSSocket } from "node:tls";
import { send } from "../../../components/openstack/http.ts";
import { certificatesOf } from "../../support/tls.ts";

/** An API that speaks TLS and says to each connection what is given here, once it was asked. */
async function withApi(
  answer: (socket: TLSSocket) => void,
  work: (ask: () => Promise<Response>) => Promise<void>,
): Promise<void> {
  const { authority, apis } = certificatesOf();
  const { certificate: cert, privateKey: key } = apis.keystone;
  const server = createServer({ cert, key }, (socket) => {
    socket.on("error", () => {});
    socket.once("data", () => answer(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  try {
    await work(() => send(url, { signal: AbortSignal.timeout(10_000) }, authority));
  } finally {
    server.close();
  }
}

describe("a question to an API with an authority of its own", () => {
  it("is answered, however soon the API hangs up after each answer", () =>
    withApi(
      (socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
      async (ask) => {
        for (let time = 1; time <= 20; time += 1) assert.equal(await (await ask()).text(), "ok");
      },
    ));

  it("fails where the API hangs up in the middle of its answer", () =>
    withApi(
      (socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\nok"),
      async (ask) => {
        await assert.rejects(ask(), { code: "ECONNRESET" });
      },
    ));
});
