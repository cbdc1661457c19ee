import * as pulumi from "@pulumi/pulumi";
import { SimulatedComputes } from "./components/compute/simulated-computes.ts";
import { CredentialSeed } from "./components/credentials/seed.ts";
import { deployedParts, lostOf, makeControlPlane } from "./components/make-control-plane.ts";
import { expectImage, makeImage } from "./components/make-image.ts";
import { makePlaybooks } from "./components/playbook/playbooks.ts";
import { PROJECT_DIRECTORY } from "./components/project.ts";
import { currentEpoch } from "./components/upkeep/epoch.ts";
import { resumePaused } from "./components/upkeep/paused.ts";
import { placementOf } from "./config/host.ts";
import { limitWarnings, readKernelLimits } from "./config/limits.ts";
import { loadSettings } from "./config/load.ts";

// Pulumi records a stack for each promise, and has source maps looked up for every line of it: a quarter of the program's time
// with many computes. Node strips types without moving code, so its own format names the right lines.
delete (Error as { prepareStackTrace?: unknown }).prepareStackTrace;

const { settings, host } = await loadSettings();
await expectImage(settings, host.images);
const stack = pulumi.getStack();
const outputDirectory = `${PROJECT_DIRECTORY}/output/${stack}`;
const deployed = deployedParts(settings, host.living);
const { epoch, reasons } = await currentEpoch({
  directory: outputDirectory,
  files: deployed.files,
  host,
  ...(await lostOf(settings, stack, { outputDirectory, domains: deployed.domains })),
  preview: pulumi.runtime.isDryRun(),
});
const placement = host.living && placementOf(host.living);
if (placement !== undefined && placement !== settings.standalone.placement) {
  await pulumi.log.warn(
    `the control plane moves from ${placement} to ${settings.standalone.placement}: a new cloud takes its place, servers and databases are lost`,
  );
}
for (const warning of limitWarnings(settings, readKernelLimits())) await pulumi.log.warn(warning);
if (reasons.length > 0) await pulumi.log.info(`to be repaired: ${reasons.join("; ")}`);
if (!pulumi.runtime.isDryRun()) {
  await resumePaused({ stack, hosts: settings.hosts, stopped: host.stopped });
}

const imageId = await makeImage("image", { settings, stack });
const seed = new CredentialSeed("credentials", { directory: `${outputDirectory}/logs` });

const controlPlane = await makeControlPlane(
  "control-plane",
  {
    settings,
    stack,
    imageId,
    credentials: seed.credentials,
    outputDirectory,
    epoch,
    dockerMajor: host.dockerMajor,
    placed: host.placed,
  },
  // So the seed goes last: data that a destroy left when it was cut short takes no other passwords.
  { dependsOn: [seed] },
);

const computes = new SimulatedComputes(
  "computes",
  {
    settings,
    stack,
    imageId,
    networkName: controlPlane.networkName,
    tunnelNetworkName: controlPlane.tunnelNetworkName,
    placed: host.placed,
    connection: controlPlane.computeConnection,
    cloud: controlPlane.cloud,
    mapHosts: controlPlane.mapHosts,
    unmapHosts: controlPlane.unmapHosts,
    outputDirectory,
    epoch,
    controlPlane,
  },
  { dependsOn: [controlPlane.ready] },
);

const playbooks = await makePlaybooks(
  { settings: settings.playbooks, controlPlane, outputDirectory, epoch },
  { dependsOn: [computes] },
);

const { cloudsYaml, openrc, inventory, sshConfig, caCertificate } = controlPlane.access;

/** What `pulumi stack output` shows. What a stack does not have is left out: Pulumi warns of an output without a value. */
export default {
  /** How many computes were asked for, how many are up, and their names. */
  hypervisors: computes.hypervisors.apply(({ registered, names }) => ({
    requested: settings.computes,
    registered,
    names,
  })),
  /** The APIs as this machine reaches them. */
  endpoints: controlPlane.endpoints,
  cloudsYaml,
  openrc,
  inventory,
  ...(sshConfig !== undefined && { sshConfig }),
  ...(caCertificate !== undefined && { caCertificate }),
  /** Addresses and MACs of the virtual machines, where the control plane has some. */
  ...(controlPlane.nodes !== undefined && { nodes: controlPlane.nodes }),
  /** Logs and results of the stack's playbooks, by name. */
  playbooks,
};
