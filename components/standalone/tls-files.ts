import type { ApiName } from "../../config/schema.ts";
import type { Files } from "../container/uploads.ts";
import type { ApiCertificates } from "../tls/api-certificates.ts";

/** Where the services of a component have what they need for TLS, as servers or as clients. */
export interface TlsFiles {
  /** Certificate that APIs are verified against. */
  authority: string;
  /** What an API proves itself with. */
  certificate: string;
  privateKey: string;
}

/** They are in a folder beside what else the stack says, whose files a service takes over when it starts. */
export function tlsFiles(component: ApiName): TlsFiles {
  const folder = `/etc/${component}/${component}.conf.d/tls`;
  return {
    authority: `${folder}/authority.pem`,
    certificate: `${folder}/certificate.pem`,
    privateKey: `${folder}/key.pem`,
  };
}

/** What a client of the APIs is given; nothing where they do not speak TLS. */
export function clientTls(component: ApiName, certificates: ApiCertificates | undefined): Files {
  return certificates ? { [tlsFiles(component).authority]: certificates.authority } : {};
}

/** What an API is given, which is a client of others too. */
export function serverTls(component: ApiName, certificates: ApiCertificates | undefined): Files {
  if (!certificates) return {};
  const paths = tlsFiles(component);
  const { certificate, privateKey } = certificates.apis[component];
  return {
    ...clientTls(component, certificates),
    [paths.certificate]: certificate,
    [paths.privateKey]: privateKey,
  };
}
