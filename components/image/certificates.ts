import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** Where administrators put certificates that a machine is to trust besides its distribution's: Debian, Red Hat. */
const PLACES = ["/usr/local/share/ca-certificates", "/etc/pki/ca-trust/source/anchors"];

/**
 * The certificates (PEM) that this machine trusts besides its distribution's, such as those of a proxy that looks into
 * TLS; empty where there are none. A build that goes to a registry on the same way has to trust them as well.
 */
export async function localCertificates(places: readonly string[] = PLACES): Promise<string> {
  const texts: string[] = [];
  for (const place of places) {
    const names = await readdir(place).catch(() => []);
    for (const name of names.filter((each) => /\.(crt|pem)$/.test(each)).sort()) {
      const text = await readFile(join(place, name), "utf8");
      // Red Hat also takes binary files there; a build argument can't.
      if (text.includes("-----BEGIN CERTIFICATE-----")) texts.push(`${text.trim()}\n`);
    }
  }
  return texts.join("");
}
