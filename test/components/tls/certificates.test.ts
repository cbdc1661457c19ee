import assert from "node:assert/strict";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { describe, it } from "node:test";
import { connect, createServer } from "node:tls";
import fc from "fast-check";
import { planControlPlane, tlsNames } from "../../../components/standalone/plan.ts";
import { VALID_FROM, VALID_UNTIL } from "../../../components/tls/certificates.ts";
import { settingsOf } from "../../support/settings.ts";
import { certificatesOf } from "../../support/tls.ts";

const SEED = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";

describe("the certificates of a cloud's APIs", () => {
  it("are the same text for the same stack, whenever they are made", () => {
    assert.deepEqual(certificatesOf(SEED), certificatesOf(SEED));
  });

  it("are verified by the stack's authority for what clients call them, and nothing else", () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 32 }),
        fc.integer({ min: 0, max: 255 }),
        fc.stringMatching(/^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$/),
        (seed, third, stack) => {
          const cidr = `10.79.${third}.0/24`;
          const settings = settingsOf({ tls: true, names: stack, network: { cidr } });
          const names = tlsNames(planControlPlane(settings));
          const made = certificatesOf(seed, settings);
          const authority = new X509Certificate(made.authority);
          assert.ok(authority.ca && authority.verify(authority.publicKey));
          for (const [api, { certificate, privateKey }] of Object.entries(made.apis)) {
            const leaf = new X509Certificate(certificate);
            assert.ok(leaf.checkIssued(authority) && leaf.verify(authority.publicKey), api);
            assert.ok(leaf.checkPrivateKey(createPrivateKey(privateKey)), api);
            assert.ok(!leaf.ca, api);
            for (const name of names[api as keyof typeof names]) {
              const matches = /^\d/.test(name) ? leaf.checkIP(name) : leaf.checkHost(name);
              assert.equal(matches, name, api);
            }
            assert.equal(leaf.checkIP(`10.79.${third}.1`), undefined, api);
            assert.equal(leaf.checkHost("example.org"), undefined, api);
          }
        },
      ),
      { numRuns: 15 },
    );
  });

  it("have numbers and keys of their own", () => {
    const all = [certificatesOf(SEED), certificatesOf(`${SEED}x`)].flatMap(
      ({ authority, apis }) => [
        authority,
        ...Object.values(apis).map(({ certificate }) => certificate),
      ],
    );
    const read = all.map((pem) => new X509Certificate(pem));
    assert.equal(new Set(read.map(({ serialNumber }) => serialNumber)).size, all.length);
    assert.equal(new Set(read.map((each) => each.publicKey.export({ format: "jwk" }).x)).size, 12);
  });

  it("are nothing to another stack's authority", () => {
    const stranger = new X509Certificate(certificatesOf(`${SEED}x`).authority);
    const leaf = new X509Certificate(certificatesOf(SEED).apis.nova.certificate);
    assert.ok(!leaf.checkIssued(stranger) && !leaf.verify(stranger.publicKey));
  });

  it("are valid longer than anybody keeps a lab, and already", () => {
    const leaf = new X509Certificate(certificatesOf(SEED).apis.keystone.certificate);
    assert.equal(leaf.validFromDate.getTime(), VALID_FROM.getTime());
    assert.equal(leaf.validToDate.getTime(), VALID_UNTIL.getTime());
    assert.ok(VALID_FROM.getTime() < Date.now());
  });

  it("are good for a connection, to who was given the authority", async () => {
    const made = certificatesOf(SEED);
    const { certificate: cert, privateKey: key } = made.apis.glance;
    const server = createServer({ cert, key }, (socket) => socket.end()).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    try {
      const known = connect({ host: "127.0.0.1", port, ca: made.authority });
      await once(known, "secureConnect");
      assert.ok(known.authorized);
      known.destroy();
      const unknown = connect({ host: "127.0.0.1", port });
      await assert.rejects(once(unknown, "secureConnect"), /unable to (verify|get)/);
    } finally {
      server.close();
    }
  });
});
