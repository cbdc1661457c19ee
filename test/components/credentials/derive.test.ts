import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { deriveCredentials } from "../../../components/credentials/derive.ts";
import { generateSeed } from "../../../components/credentials/generate.ts";

const SEED = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";

const pem = (line: string) =>
  ["-----BEGIN PRIVATE KEY-----", line, "-----END PRIVATE KEY-----\n"].join("\n");

describe("credentials", () => {
  it("are what they always were for a seed: a living cloud depends on it", () => {
    // From an HMAC-SHA256 of another language, key the seed, message "password:ACCOUNT".
    assert.deepEqual(deriveCredentials(SEED), {
      passwords: {
        admin: "O6CtnJ62-hF09GDU_6jAO0AR5n9xDKEz",
        "keystone-database": "PWyhzsE5cqJ8uo6ckCtS7XODr5mWmJoo",
        "placement-database": "35lzlx9HLD-RFMn5KaR-TOnsOqeAMAMW",
        "glance-database": "VECp4BYGxLck7HiPAjaklkAmiWFLvN_e",
        "neutron-database": "ZnmQycVVsseDWmGY_BTwmY5BTxRnwKuK",
        "nova-database": "Hfegu_Nl-hD5XKxKNqH3UPArV2QQGHgy",
        rabbitmq: "ctDtRYcR77bh88-JcYzdg0UQ11C9BLvC",
        placement: "vKst7ucsB9q-9Um0FZXxg3bfUF67rvt8",
        glance: "1vY6a6UAf88bJvujAVG_h-wcfelA6-l2",
        neutron: "ZDy_cfu2mAJ5aFg4fl-LVMLuxPXev0U4",
        nova: "anxZF84q9Pg-OK0D2QQJZIDaIziRpOb_",
      },
      fernetKeys: {
        "0": "bYc7_KDjfVWRvDd1syqhdD31RTZjVrSnMk9rfe3dl_8=",
        "1": "8tKEx8DAxxnHM8zlxoJWGaITowJrlAs4ma91dQqLwrI=",
      },
      credentialKeys: {
        "0": "6thoXmYAhtrPsfx5PFcn_HqLNJZsRyBZotAcMpj8j-U=",
        "1": "9cdSl2BMfmn65oYfkYnqMji795yHWsFQVx8_CPeWBmI=",
      },
      undercloudPassword: "11wKOAC6AAZW1rQSlpyBk5QWBOzL-5vn",
      bmcPassword: "rn4YDNujdsZPm7o9",
      // The message is "ssh-key"; the key pair is what Python's cryptography makes of it.
      sshKey: {
        privateKey: pem("MC4CAQAwBQYDK2VwBCIEIAHtyuR6J27vzWQbQ8I/aYK0AU/5P/Pfb5+/FTPhSuOD"),
        publicKey:
          "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOrG/ZUrQTbZCahu4eIKl3P7ZyzRknx5Ed/4NNAK1vNN",
      },
      // The same of "tls-key:PARTY".
      tlsKeys: {
        authority: pem("MC4CAQAwBQYDK2VwBCIEIBP6nKfSN1okzHAhZx1Xm+6Fsl67ftpbd2Fw6iXLtdHW"),
        keystone: pem("MC4CAQAwBQYDK2VwBCIEICiyiBwDaRDos6SsafFSptVD3gzUVcPxN+fl6pCrkHmq"),
        placement: pem("MC4CAQAwBQYDK2VwBCIEIJAUfMcisqUHhHqTqpwCVZjyu97PvGQor+kwpmI866Q/"),
        glance: pem("MC4CAQAwBQYDK2VwBCIEIF8V5z11MZVfZ42yewNDvHCIjwszIo1XLaZ+/g0z595D"),
        neutron: pem("MC4CAQAwBQYDK2VwBCIEILHydAVTAbuagFjmWsORRtDvNDKa1+LqUfCDb5b32fHh"),
        nova: pem("MC4CAQAwBQYDK2VwBCIEIBTpbbEtcBuC6C62GpvCcUPiHkKF2cLZ3jwB20Z2VeHE"),
      },
    });
  });

  it("are distinct and safe in URLs, SQL and INI files, whatever the seed", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 32 }), (seed) => {
        const { passwords, fernetKeys, credentialKeys } = deriveCredentials(seed);
        const words = Object.values(passwords);
        for (const word of words) assert.match(word, /^[A-Za-z0-9_-]{32}$/);
        const keys = [...Object.values(fernetKeys), ...Object.values(credentialKeys)];
        for (const key of keys) {
          // What cryptography.fernet takes: 32 bytes, URL-safe, padded.
          assert.match(key, /^[A-Za-z0-9_-]{43}=$/);
          assert.equal(Buffer.from(key, "base64url").length, 32);
        }
        assert.equal(new Set([...words, ...keys]).size, words.length + keys.length);
      }),
      { numRuns: 50 },
    );
  });

  it("share nothing between two seeds", () => {
    const mine = Object.values(deriveCredentials(SEED).passwords);
    const others = Object.values(deriveCredentials(`${SEED}x`).passwords);
    assert.ok(new Set(mine).isDisjointFrom(new Set(others)));
  });

  it("need a seed that nobody guesses", async () => {
    assert.throws(() => deriveCredentials("x".repeat(31)), RangeError);
    assert.throws(() => deriveCredentials(""), RangeError);
    const seeds = await Promise.all([generateSeed(), generateSeed(), generateSeed()]);
    assert.equal(new Set(seeds).size, 3);
    for (const seed of seeds) {
      assert.equal(Buffer.from(seed, "base64url").length, 32);
      deriveCredentials(seed);
    }
  });
});
