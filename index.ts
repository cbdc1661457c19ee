import * as pulumi from "@pulumi/pulumi";
import { SimulatedComputes } from "./components/compute/simulated-computes.ts";
import { CredentialSeed } from "./components/credentials/seed.ts";
import { contentHash } from "./components/image/content-hash.ts";
import { IMAGE_CONTEXT, OpenStackImage } from "./components/image/openstack-image.ts";
import { deployedFiles, makeControlPlane } from "./components/make-control-plane.ts";
import { makePlaybooks } from "./components/playbook/playbooks.ts";
import { routedNetworks } from "./components/tripleo/routes.ts";
import { PROJECT_DIRECTORY } from "./components/step/step.ts";
import { currentEpoch } from "./components/upkeep/epoch.ts";
import { loadSettings } from "./config/load.ts";

const { settings, host } = await loadSettings();
const stack = pulumi.getStack();
const outputDirectory = `${PROJECT_DIRECTORY}/output/${stack}`;
const { epoch, reasons } = await currentEpoch({
  directory: outputDirectory,
  files: deployedFiles(settings),
  host,
  routes: routedNetworks(settings),
  preview: pulumi.runtime.isDryRun(),
});
if (reasons.length > 0) await pulumi.log.info(`to be repaired: ${reasons.join("; ")}`);

const image = new OpenStackImage("image", {
  names: settings.names,
  stack,
  contentHash: await contentHash(IMAGE_CONTEXT),
  ...(settings.controlPlane === "tripleo" && { published: settings.overcloud.computeImage }),
});
const seed = new CredentialSeed("credentials", { directory: `${outputDirectory}/logs` });

const controlPlane = await makeControlPlane("control-plane", {
  settings,
  stack,
  imageId: image.imageId,
  credentials: seed.credentials,
  outputDirectory,
  epoch,
});

const computes = new SimulatedComputes(
  "computes",
  {
    settings,
    stack,
    imageId: image.imageId,
    networkName: controlPlane.networkName,
    connection: controlPlane.computeConnection,
    cloud: controlPlane.cloud,
    mapHosts: controlPlane.mapHosts,
    outputDirectory,
    epoch,
    controlPlane,
  },
  { dependsOn: [controlPlane.ready] },
);

/** How many computes were asked for, how many are up, and their names. */
export const hypervisors = computes.hypervisors.apply(({ registered, names }) => ({
  requested: settings.computes,
  registered,
  names,
}));

/** The APIs as this machine reaches them. */
export const endpoints = controlPlane.endpoints;

export const { cloudsYaml, openrc, inventory, sshConfig } = controlPlane.access;

/** Addresses and MACs of the virtual machines, where the control plane has some. */
export const nodes = controlPlane.nodes;

/** Logs and results of the stack's playbooks, by name. */
export const playbooks = await makePlaybooks(
  { settings: settings.playbooks, controlPlane, outputDirectory, epoch },
  { dependsOn: [controlPlane.ready, computes] },
);
