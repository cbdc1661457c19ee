import { createHmac, createPrivateKey } from "node:crypto";
import sshpk from "sshpk";
import type { ApiName } from "../../config/schema.ts";

/** Who needs a password. Adding one changes nobody else's. */
export const ACCOUNTS = [
  "admin",
  "keystone-database",
  "placement-database",
  "glance-database",
  "neutron-database",
  "nova-database",
  "rabbitmq",
  "placement",
  "glance",
  "neutron",
  "nova",
] as const;

export type Account = (typeof ACCOUNTS)[number];

/** Every credential of a cloud. All are derived from one seed, which lives encrypted in the stack's state. */
export interface Credentials {
  /** 192 bits each, letters, digits, `-` and `_` only: safe in URLs, INI files and SQL. */
  passwords: Record<Account, string>;
  /** Keys by file name, for keystone's tokens and its credential store. */
  fernetKeys: Record<string, string>;
  credentialKeys: Record<string, string>;
  /** Password of the nodes' BMCs: 96 bits, as IPMI takes no more than 20 characters. */
  bmcPassword: string;
  /** Password of the undercloud's user. */
  undercloudPassword: string;
  /** The stack's key for ssh to its nodes. */
  sshKey: SshKey;
  /** Keys for TLS. */
  tlsKeys: TlsKeys;
}

/** Ed25519 keys, PKCS #8 in PEM: of the authority that signs the APIs' certificates, and of each API. */
export type TlsKeys = Record<"authority" | ApiName, string>;

/** Who needs one of them. */
const TLS_PARTIES = ["authority", "keystone", "placement", "glance", "neutron", "nova"] as const;

/** An Ed25519 key pair. */
export interface SshKey {
  /** PKCS #8 in PEM, which is the same text for the same key; OpenSSH's own format is not. */
  privateKey: string;
  /** One line of an authorized_keys file, without a comment. */
  publicKey: string;
}

/** DER of a PKCS #8 structure up to the 32 bytes of the Ed25519 key that end it. */
const ED25519_PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");

/** The Ed25519 key that 32 bytes are, as PKCS #8 in PEM. */
function ed25519Key(secret: Buffer): string {
  const key = createPrivateKey({
    key: Buffer.concat([ED25519_PKCS8, secret]),
    format: "der",
    type: "pkcs8",
  });
  return key.export({ format: "pem", type: "pkcs8" }).toString();
}

function sshKey(secret: Buffer): SshKey {
  const privateKey = ed25519Key(secret);
  const publicKey = sshpk.parsePrivateKey(privateKey, "pkcs8").toPublic();
  publicKey.comment = "";
  return { privateKey, publicKey: publicKey.toString("ssh").trim() };
}

/**
 * Derives all credentials from the seed; the same seed gives the same credentials.
 * @param seed at least 32 characters of randomness
 * @throws RangeError if the seed is shorter
 */
export function deriveCredentials(seed: string): Credentials {
  if (seed.length < 32) throw new RangeError("the seed of the credentials is too short");
  const derive = (purpose: string): Buffer => createHmac("sha256", seed).update(purpose).digest();
  // A fernet key is 32 bytes in URL-safe base64 with padding.
  const fernetKey = (purpose: string): string =>
    derive(purpose).toString("base64").replaceAll("+", "-").replaceAll("/", "_");
  const passwords = Object.fromEntries(
    ACCOUNTS.map((account) => [
      account,
      derive(`password:${account}`).subarray(0, 24).toString("base64url"),
    ]),
  ) as Record<Account, string>;
  return {
    passwords,
    fernetKeys: { "0": fernetKey("fernet:0"), "1": fernetKey("fernet:1") },
    credentialKeys: { "0": fernetKey("credential:0"), "1": fernetKey("credential:1") },
    undercloudPassword: derive("password:undercloud").subarray(0, 24).toString("base64url"),
    bmcPassword: derive("password:bmc").subarray(0, 12).toString("base64url"),
    sshKey: sshKey(derive("ssh-key")),
    tlsKeys: Object.fromEntries(
      TLS_PARTIES.map((party) => [party, ed25519Key(derive(`tls-key:${party}`))]),
    ) as TlsKeys,
  };
}
