import { createHash, createPrivateKey, createPublicKey, sign, type KeyObject } from "node:crypto";
import { isIPv4 } from "node:net";
import { AsnConvert, OctetString } from "@peculiar/asn1-schema";
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  AuthorityKeyIdentifier,
  BasicConstraints,
  Certificate,
  ExtendedKeyUsage,
  Extension,
  Extensions,
  GeneralName,
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
  id_kp_serverAuth,
  KeyIdentifier,
  KeyUsage,
  KeyUsageFlags,
  Name,
  RelativeDistinguishedName,
  SubjectAlternativeName,
  SubjectKeyIdentifier,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
  Version,
} from "@peculiar/asn1-x509";

/** Whoever signs certificates: only holders of the stack's seed can. */
export interface Authority {
  /** Its name, at most 64 characters. */
  name: string;
  /** Ed25519, PKCS #8 in PEM. */
  privateKey: string;
}

/** Who proves to clients to be who they meant. */
export interface Server {
  /** IPv4 addresses and DNS names that clients use. */
  names: readonly string[];
  /** Ed25519, PKCS #8 in PEM. */
  privateKey: string;
}

/**
 * All certificates are valid for the same time. It does not depend on when they are made, so that they are the same text
 * for the same keys: nothing has to keep them, and an update that changes nothing changes no certificate.
 */
export const VALID_FROM = new Date("2025-01-01T00:00:00Z");
export const VALID_UNTIL = new Date("2049-12-31T23:59:59Z");

const ED25519 = "1.3.101.112";
const COMMON_NAME = "2.5.4.3";

/** The authority's own certificate in PEM: what clients have to be given to believe the others. */
export function authorityCertificate(authority: Authority): string {
  const key = createPrivateKey(authority.privateKey);
  return certificate(authority.name, key, authority, [
    extension(id_ce_basicConstraints, new BasicConstraints({ cA: true, pathLenConstraint: 0 }), {
      critical: true,
    }),
    usage(KeyUsageFlags.keyCertSign),
  ]);
}

/** The certificate of a server in PEM; it is good for its names and for nothing but serving. */
export function serverCertificate(server: Server, authority: Authority): string {
  const names = server.names.map(
    (name) => new GeneralName(isIPv4(name) ? { iPAddress: name } : { dNSName: name }),
  );
  return certificate(server.names[0] ?? "", createPrivateKey(server.privateKey), authority, [
    extension(id_ce_basicConstraints, new BasicConstraints(), { critical: true }),
    usage(KeyUsageFlags.digitalSignature),
    extension(id_ce_extKeyUsage, new ExtendedKeyUsage([id_kp_serverAuth])),
    extension(id_ce_subjectAltName, new SubjectAlternativeName(names)),
  ]);
}

function certificate(
  subject: string,
  key: KeyObject,
  authority: Authority,
  extensions: Extension[],
): string {
  const signer = createPrivateKey(authority.privateKey);
  const publicKey = publicKeyOf(key);
  const content = new TBSCertificate({
    version: Version.v3,
    signature: new AlgorithmIdentifier({ algorithm: ED25519 }),
    issuer: named(authority.name),
    validity: new Validity({ notBefore: VALID_FROM, notAfter: VALID_UNTIL }),
    subject: named(subject),
    subjectPublicKeyInfo: publicKey,
    extensions: new Extensions([
      ...extensions,
      extension(id_ce_subjectKeyIdentifier, new SubjectKeyIdentifier(identifierOf(publicKey))),
      extension(
        id_ce_authorityKeyIdentifier,
        new AuthorityKeyIdentifier({
          keyIdentifier: new KeyIdentifier(identifierOf(publicKeyOf(signer))),
        }),
      ),
    ]),
  });
  // No two different certificates of an authority may have the same: it is made from all else that is in them.
  content.serialNumber = serialNumber(AsnConvert.serialize(content));
  const signature = sign(null, Buffer.from(AsnConvert.serialize(content)), signer);
  const signed = new Certificate({
    tbsCertificate: content,
    signatureAlgorithm: new AlgorithmIdentifier({ algorithm: ED25519 }),
    signatureValue: bytes(signature),
  });
  return pem(AsnConvert.serialize(signed));
}

function named(text: string): Name {
  const value = new AttributeValue({ utf8String: text });
  return new Name([
    new RelativeDistinguishedName([new AttributeTypeAndValue({ type: COMMON_NAME, value })]),
  ]);
}

function extension(extnID: string, value: object, { critical = false } = {}): Extension {
  return new Extension({
    extnID,
    critical,
    extnValue: new OctetString(AsnConvert.serialize(value)),
  });
}

function usage(flags: KeyUsageFlags): Extension {
  return extension(id_ce_keyUsage, new KeyUsage(flags), { critical: true });
}

function publicKeyOf(key: KeyObject): SubjectPublicKeyInfo {
  const der = createPublicKey(key).export({ format: "der", type: "spki" });
  return AsnConvert.parse(der, SubjectPublicKeyInfo);
}

function identifierOf({ subjectPublicKey }: SubjectPublicKeyInfo): ArrayBuffer {
  return bytes(createHash("sha256").update(Buffer.from(subjectPublicKey)).digest().subarray(0, 20));
}

/** A positive number of 16 bytes. */
function serialNumber(content: ArrayBuffer): ArrayBuffer {
  const digest = createHash("sha256").update(Buffer.from(content)).digest().subarray(0, 16);
  digest[0] = ((digest[0] ?? 0) & 0x3f) | 0x40;
  return bytes(digest);
}

function bytes(buffer: Buffer): ArrayBuffer {
  return Uint8Array.from(buffer).buffer;
}

function pem(der: ArrayBuffer): string {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
}
