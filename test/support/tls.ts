import { deriveCredentials } from "../../components/credentials/derive.ts";
import { planControlPlane, tlsNames } from "../../components/standalone/plan.ts";
import { apiCertificates, type ApiCertificates } from "../../components/tls/api-certificates.ts";
import type { Settings } from "../../config/schema.ts";
import { settingsOf } from "./settings.ts";

/** The certificates of a standalone cloud with these settings. */
export function certificatesOf(
  seed = "0123456789abcdefghijklmnopqrstuvwxyz",
  settings: Settings = settingsOf({ tls: true }),
): ApiCertificates {
  const names = tlsNames(planControlPlane(settings));
  return apiCertificates(settings.names, deriveCredentials(seed).tlsKeys, names);
}
