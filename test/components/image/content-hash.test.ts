import assert from "node:assert/strict";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { contentHash } from "../../../components/image/content-hash.ts";

describe("the content hash of a folder", () => {
  const root = mkdtempSync(path.join(tmpdir(), "overcloud-hash-"));
  after(() => rmSync(root, { recursive: true }));
  let count = 0;

  /** A fresh folder with two files, changed as asked. */
  function folder(change: (at: (name: string) => string) => void = () => {}): string {
    const base = path.join(root, String(count++));
    const at = (name: string) => path.join(base, name);
    mkdirSync(at("sub"), { recursive: true });
    writeFileSync(at("Dockerfile"), "FROM x\n", { mode: 0o644 });
    writeFileSync(at("sub/run"), "#!/bin/sh\n", { mode: 0o755 });
    change(at);
    return base;
  }

  it("is the same for the same content at another place and time", async () => {
    const first = folder();
    const copy = path.join(root, "copy");
    cpSync(first, copy, { recursive: true });
    utimesSync(path.join(copy, "Dockerfile"), 1, 1);
    chmodSync(path.join(copy, "Dockerfile"), 0o600);
    assert.match(await contentHash(first), /^[0-9a-f]{64}$/);
    assert.equal(await contentHash(copy), await contentHash(first));
  });

  it("changes with content, name, executable bit, a new file and a link's target", async () => {
    const hashes = await Promise.all(
      [
        folder(),
        folder((at) => writeFileSync(at("Dockerfile"), "FROM y\n")),
        folder((at) => renameSync(at("sub/run"), at("sub/walk"))),
        folder((at) => chmodSync(at("sub/run"), 0o644)),
        folder((at) => writeFileSync(at("empty"), "")),
        folder((at) => symlinkSync("Dockerfile", at("link"))),
        folder((at) => symlinkSync("sub/run", at("link"))),
        folder((at) => symlinkSync("nowhere", at("link"))),
      ].map((name) => contentHash(name)),
    );
    assert.equal(new Set(hashes).size, hashes.length);
  });

  it("leaves out what Python leaves behind, and names asked for", async () => {
    const plain = await contentHash(folder());
    const littered = folder((at) => {
      mkdirSync(at("sub/__pycache__"));
      writeFileSync(at("sub/__pycache__/x.pyc"), "");
      mkdirSync(at("bin"));
      writeFileSync(at("bin/out"), "");
    });
    assert.equal(await contentHash(littered, ["bin"]), plain);
  });
});
