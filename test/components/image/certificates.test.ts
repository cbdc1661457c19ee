import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { localCertificates } from "../../../components/image/certificates.ts";

const pem = (body: string) => `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`;

describe("the certificates that a machine trusts besides its distribution's", () => {
  const root = mkdtempSync(path.join(tmpdir(), "overcloud-certificates-"));
  after(() => rmSync(root, { recursive: true }));

  it("are all that administrators put there, one after the other", async () => {
    const [one, other] = [path.join(root, "one"), path.join(root, "other")];
    for (const place of [one, other]) mkdirSync(place);
    writeFileSync(path.join(one, "b.crt"), pem("b").trim());
    writeFileSync(path.join(one, "a.pem"), pem("a"));
    writeFileSync(path.join(one, "README"), pem("no certificate's name"));
    writeFileSync(path.join(one, "binary.crt"), Buffer.from([0x30, 0x82]));
    writeFileSync(path.join(other, "c.crt"), pem("c"));
    assert.equal(await localCertificates([one, other]), pem("a") + pem("b") + pem("c"));
  });

  it("are none where no place has any", async () => {
    assert.equal(await localCertificates([path.join(root, "missing")]), "");
  });
});
