import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createPlainServer, type RequestListener } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { execa } from "execa";
import { PROJECT_DIRECTORY } from "../../components/project.ts";
import { certificatesOf } from "../support/tls.ts";

const PYTHON = join(PROJECT_DIRECTORY, ".toolchain/ansible/bin/python");
const MODULES = join(PROJECT_DIRECTORY, "images/node/rootfs/usr/lib/overcloud/node");

// As strict as the node's own Python, which refuses what older ones still take.
const ASK = `
import json, ssl, sys
sys.dont_write_bytecode = True
sys.path.insert(0, "${MODULES}")
import checks
lenient = ssl.create_default_context
def strict(**options):
    context = lenient(**options)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context
ssl.create_default_context = strict
print(checks.is_up("", json.loads(sys.argv[1])))
`;

describe("a node's look at an API", () => {
  const folder = mkdtempSync(join(tmpdir(), "overcloud-checks-"));
  after(() => rmSync(folder, { recursive: true }));
  const file = (name: string, content: string) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const certificates = certificatesOf();
  const own = file("own.pem", certificates.authority);
  const other = file(
    "other.pem",
    certificatesOf("the seed of another stack, long enough").authority,
  );

  /** Whether a service that answers with this status counts as up. */
  async function isUp(status: number, tls: boolean, cacert?: string): Promise<boolean> {
    const answer: RequestListener = (_, response) => response.writeHead(status).end();
    const { certificate: cert, privateKey: key } = certificates.apis.nova;
    const server = tls ? createServer({ cert, key }, answer) : createPlainServer(answer);
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port } = server.address() as AddressInfo;
    const check = { http: { port, path: "/", ...(cacert !== undefined && { cacert }) } };
    try {
      const { stdout } = await execa(PYTHON, ["-c", ASK, JSON.stringify(check)]);
      return stdout === "True";
    } finally {
      server.close();
    }
  }

  it("takes one that answers, by TLS where it is told to", async () => {
    assert.equal(await isUp(300, false), true);
    assert.equal(await isUp(300, true, own), true);
  });

  it("takes none that fails, that has no TLS, or that the stack's authority does not know", async () => {
    assert.equal(await isUp(500, true, own), false);
    assert.equal(await isUp(200, false, own), false);
    assert.equal(await isUp(200, true, other), false);
    assert.equal(await isUp(200, true), false);
  });
});
