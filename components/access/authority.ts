import { access, readFile } from "node:fs/promises";
import { join } from "node:path";

/** File in the output folder with the certificate that a standalone stack's APIs are verified against, if they speak TLS. */
export const AUTHORITY_FILE = "ca.pem";

/** In words, that this file is not there any more; nothing where the stack has not spoken TLS so far. */
export async function missingAuthority(outputDirectory: string): Promise<string[]> {
  const file = join(outputDirectory, AUTHORITY_FILE);
  const clouds = await readFile(join(outputDirectory, "clouds.yaml"), "utf8").catch(() => "");
  if (!clouds.includes("cacert:")) return [];
  return access(file).then(
    () => [],
    () => [`${AUTHORITY_FILE} is missing in ${outputDirectory}`],
  );
}
