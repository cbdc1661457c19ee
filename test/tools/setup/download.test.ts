import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import {
  ChecksumError,
  downloadVerified,
  isReachable,
  publishedChecksum,
} from "../../../tools/setup/download.ts";

const content = Buffer.from("a release");
const sum = createHash("sha256").update(content).digest("hex");

describe("verified downloads", () => {
  let server: Server;
  let base: string;
  const folder = mkdtempSync(path.join(tmpdir(), "overcloud-download-"));
  const answers: Record<string, string | Buffer> = {
    "/tool.tar.gz": content,
    "/good.txt": `${"0".repeat(64)}  other.tar.gz\n${sum}  tool.tar.gz\n`,
    "/bad.txt": `${"0".repeat(64)}  tool.tar.gz\n`,
    "/page.txt": "<html>please log in to the proxy</html>",
  };

  before(async () => {
    server = createServer((request, response) => {
      const answer = answers[request.url ?? ""];
      response.writeHead(answer === undefined ? 404 : 200).end(answer);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true });
  });

  it("keeps a file that has the published checksum", async () => {
    const target = path.join(folder, "good");
    await downloadVerified(`${base}/tool.tar.gz`, `${base}/good.txt`, target);
    assert.deepEqual(readFileSync(target), content);
    rmSync(target);
  });

  it("keeps nothing of a file that has another one", async () => {
    const target = path.join(folder, "bad");
    await assert.rejects(
      downloadVerified(`${base}/tool.tar.gz`, `${base}/bad.txt`, target),
      ChecksumError,
    );
    assert.deepEqual(readdirSync(folder), []);
  });

  it("takes a list without the file, or a missing file, for no release rather than for a forged one", async () => {
    for (const [file, list] of [
      ["tool.tar.gz", "page.txt"],
      ["none.tar.gz", "good.txt"],
      ["tool.tar.gz", "none.txt"],
    ]) {
      const attempt = downloadVerified(`${base}/${file}`, `${base}/${list}`, `${folder}/x`);
      await assert.rejects(attempt, (error) => !(error instanceof ChecksumError));
    }
  });

  it("reads both forms of a checksum list", () => {
    assert.equal(publishedChecksum(`${sum} *tool.tar.gz`, "tool.tar.gz"), sum);
    assert.equal(publishedChecksum(`${sum}  a-tool.tar.gz`, "tool.tar.gz"), undefined);
    assert.equal(publishedChecksum("short  tool.tar.gz", "tool.tar.gz"), undefined);
  });

  it("finds out whether anything answers", async () => {
    assert.equal(await isReachable(`${base}/nothing-here`, 2), true);
    assert.equal(await isReachable("http://127.0.0.1:1/", 2), false);
  });

  it("gives up on a server that accepts and stays silent", async () => {
    const mute = createServer(() => {});
    await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
    const since = Date.now();
    const url = `http://127.0.0.1:${(mute.address() as AddressInfo).port}/`;
    assert.equal(await isReachable(url, 0.2), false);
    assert.ok(Date.now() - since < 5000);
    mute.closeAllConnections();
    mute.close();
  });
});
