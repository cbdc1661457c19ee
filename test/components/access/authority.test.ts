import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, describe, it } from "node:test";
import { AUTHORITY_FILE, missingAuthority } from "../../../components/access/authority.ts";
import { cloudsYaml } from "../../../components/access/documents.ts";
import { forgetFiles } from "../../../components/access/files.ts";
import { perform } from "../../support/openstack.ts";

describe("the certificate that APIs are verified against", () => {
  const root = mkdtempSync(join(tmpdir(), "overcloud-authority-"));
  after(() => rmSync(root, { recursive: true }));

  let directory: string;
  beforeEach(() => (directory = mkdtempSync(join(root, "output-"))));
  const certificate = () => join(directory, AUTHORITY_FILE);

  /** clouds.yaml of a stack, as the last update left it. */
  function deployed(tls: boolean): void {
    const text = cloudsYaml({
      cloud: "lab",
      authUrl: "https://127.0.0.1:5000/v3",
      adminPassword: "pw",
      microversions: { compute: "2.93", placement: "1.36" },
      ...(tls && { authorityFile: certificate() }),
    });
    writeFileSync(join(directory, "clouds.yaml"), text);
    if (tls) writeFileSync(certificate(), "");
  }

  it("is missed where the stack had it, and was not there before it spoke TLS", async () => {
    assert.deepEqual(await missingAuthority(directory), []);
    deployed(false);
    assert.deepEqual(await missingAuthority(directory), []);
    deployed(true);
    assert.deepEqual(await missingAuthority(directory), []);
    rmSync(certificate());
    assert.deepEqual(await missingAuthority(directory), [`ca.pem is missing in ${directory}`]);
  });

  it("goes without the other files, and may be gone already", async () => {
    deployed(true);
    for (let time = 1; time <= 2; time += 1) {
      await perform(forgetFiles, { directory, names: [AUTHORITY_FILE] });
      assert.ok(!existsSync(certificate()) && existsSync(join(directory, "clouds.yaml")));
    }
  });
});
