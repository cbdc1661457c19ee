import { join } from "node:path";
import { execa } from "execa";
import { cloudsYaml, openrc, type Access, type Microversions } from "../access/documents.ts";
import { writePrivately } from "../access/files.ts";
import type { Action } from "../step/action.ts";

export interface CloudAccessArgs {
  /** ssh with its options, and the name of the undercloud. */
  ssh: string[];
  /** The file on it that a deployment leaves for its user, such as /home/stack/overcloudrc. */
  rcFile: string;
  /** Name of the cloud in clouds.yaml. */
  cloud: string;
  /** What the release speaks. */
  microversions: Microversions;
  /** The stack's output folder. */
  directory: string;
}

/**
 * Writes clouds.yaml and openrc from what the deployment left on the undercloud.
 * @throws Error naming what the file lacks
 */
export const takeAccess: Action<CloudAccessArgs> = async (
  { ssh, rcFile, cloud, microversions, directory },
  { signal },
) => {
  const [program = "", ...options] = ssh;
  const { stdout } = await execa(program, [...options, "sudo", "cat", rcFile], {
    cancelSignal: signal,
    stdin: "ignore",
  });
  const access = { ...accessOf(stdout, cloud, rcFile), microversions };
  await writePrivately(join(directory, "clouds.yaml"), cloudsYaml(access));
  await writePrivately(join(directory, "openrc"), openrc(access));
  return { authUrl: access.authUrl };
};

/** What a deployment's rc file says. */
export function accessOf(
  text: string,
  cloud: string,
  rcFile: string,
): Omit<Access, "microversions"> {
  const variables = new Map(
    [...text.matchAll(/^\s*export\s+(OS_\w+)=(.*)$/gm)].map(([, name = "", value = ""]) => [
      name,
      value.trim().replace(/^(['"])(.*)\1$/, "$2"),
    ]),
  );
  const value = (name: string): string => {
    const found = variables.get(name);
    if (found === undefined || found === "") throw new Error(`${rcFile} sets no ${name}`);
    return found;
  };
  return {
    cloud,
    // Some releases end it with a slash, some leave the version out.
    authUrl: `${value("OS_AUTH_URL").replace(/\/*(v[23](\.0)?)?\/*$/, "")}/v3`,
    adminPassword: value("OS_PASSWORD"),
  };
}
