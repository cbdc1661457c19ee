import { basename } from "node:path";
import type { OvercloudSettings } from "../../config/overcloud.ts";
import type { TopologyPlan } from "../libvirt/plan.ts";
import { factsOf } from "./release.ts";
import { pathsOf, rolesOf } from "./roles.ts";

/** An environment file of the user's: where it is, and where it goes. */
export interface UserFile {
  source: string;
  target: string;
}

/** Where the user's environment files go: numbered, so that two of one name are two, and their order is kept. */
export function userFiles(settings: OvercloudSettings): UserFile[] {
  const { environments } = pathsOf(settings);
  return settings.environmentFiles.map((source, index) => ({
    source,
    target: `${environments}/${String(index).padStart(2, "0")}-${basename(source)}`,
  }));
}

/** The command that deploys the overcloud, as argv. What is named later wins over what is named before. */
export function deployCommand(settings: OvercloudSettings, plan: TopologyPlan): string[] {
  const { nodesBy } = factsOf(settings.release);
  const paths = pathsOf(settings);
  return [
    ...["openstack", "overcloud", "deploy"],
    ...["--templates", paths.templates],
    ...["--stack", settings.stack],
    ...["--roles-file", paths.roles],
    ...["--libvirt-type", settings.libvirtType],
    ...["--ntp-server", settings.ntpServers.join(",")],
    ...["--timeout", String(settings.deployTimeoutMinutes)],
    ...(nodesBy === "nova"
      ? rolesOf(plan).flatMap(({ key, nodes }) => {
          const flag = key === "controller" ? "control" : "compute";
          return [`--${flag}-flavor`, key, `--${flag}-scale`, String(nodes.length)];
        })
      : ["--deployed-server", "--networks-file", paths.networkData]),
    "--validation-warnings-fatal",
    ...environments(settings).flatMap((file) => ["--environment-file", file]),
    ...settings.deployArgs,
  ];
}

function environments(settings: OvercloudSettings): string[] {
  const { nodesBy, containerEngine } = factsOf(settings.release);
  const paths = pathsOf(settings);
  const template = (name: string) => `${paths.templates}/environments/${name}.yaml`;
  return [
    ...(settings.debug ? [template("config-debug")] : []),
    template(containerEngine),
    template("docker-ha"),
    paths.containers,
    ...(nodesBy === "nova"
      ? [template("network-isolation"), paths.networkEnvironment, paths.nodePlacement]
      : [paths.networksDeployed, paths.vipsDeployed, paths.nodesDeployed]),
    paths.parameters,
    ...(settings.lowMemory ? [template("low-memory-usage")] : []),
    ...(settings.telemetry ? [] : [template("disable-telemetry")]),
    ...userFiles(settings).map(({ target }) => target),
  ];
}

/** Text of a script that runs the command with whatever arguments it is given besides. */
export function deployScript(command: readonly string[], stackrc: string): string {
  const words = command.map((word) =>
    /^[A-Za-z0-9._/:,=@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`,
  );
  return [
    "#!/bin/bash",
    "# Deploys the overcloud. Written by build_heat_config, and again when settings change.",
    "set -eu",
    `. ${stackrc}`,
    `exec ${words.join(" ")} "$@"`,
    "",
  ].join("\n");
}
