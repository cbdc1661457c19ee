import type { ApiName } from "../../config/schema.ts";
import type { TlsKeys } from "../credentials/derive.ts";
import { authorityCertificate, serverCertificate } from "./certificates.ts";

/** What an API proves itself with. */
export interface ApiCertificate {
  /** In PEM. */
  certificate: string;
  /** PKCS #8 in PEM; secret. */
  privateKey: string;
}

/** The certificates of a cloud's APIs. */
export interface ApiCertificates {
  /** What all of them are verified against, in PEM. */
  authority: string;
  apis: Record<ApiName, ApiCertificate>;
}

/**
 * Certificates for all APIs of a cloud, each for itself; the same for the same keys and names. Pure.
 * @param cloud distinguishes this cloud's authority from others' for who looks at it
 * @param names what clients call each API: addresses and DNS names
 */
export function apiCertificates(
  cloud: string,
  keys: TlsKeys,
  names: Record<ApiName, readonly string[]>,
): ApiCertificates {
  const authority = { name: `overcloud ${cloud}`, privateKey: keys.authority };
  const apis = Object.entries(names).map(([api, own]): [string, ApiCertificate] => {
    const privateKey = keys[api as ApiName];
    const certificate = serverCertificate({ names: own, privateKey }, authority);
    return [api, { certificate, privateKey }];
  });
  return {
    authority: authorityCertificate(authority),
    apis: Object.fromEntries(apis) as ApiCertificates["apis"],
  };
}
