import * as pulumi from "@pulumi/pulumi";
import { SimulatedComputes } from "../../../../components/compute/simulated-computes.ts";
import { CredentialSeed } from "../../../../components/credentials/seed.ts";
import { localCertificates } from "../../../../components/image/certificates.ts";
import { ComputeImage, computeImageHash } from "../../../../components/image/compute-image.ts";
import { COMPUTE_RELEASES } from "../../../../components/overcloud/release.ts";
import { StandaloneControlPlane } from "../../../../components/standalone/control-plane.ts";
import { connectionOf } from "../../../../components/tripleo/connection.ts";
import { settingsSchema } from "../../../../config/schema.ts";

const config = new pulumi.Config();
const release = COMPUTE_RELEASES.find((each) => each === config.require("release"));
if (release === undefined) throw new Error("no image is made of that release");
const settings = settingsSchema.parse(JSON.parse(config.require("settings")));
const outputDirectory = config.require("outputDirectory");
const stack = pulumi.getStack();

const image = {
  ...{ names: settings.names, stack, release },
  contentHash: await computeImageHash(),
  certificates: await localCertificates(),
};
const computeImage = new ComputeImage("image", image);
const controlPlaneImage = new ComputeImage(
  "control-plane-image",
  { ...image, target: "control-plane" },
  { dependsOn: [computeImage] },
);

const { credentials } = new CredentialSeed("credentials", { directory: `${outputDirectory}/logs` });
const controlPlane = new StandaloneControlPlane("control-plane", {
  settings,
  stack,
  imageId: controlPlaneImage.imageId,
  credentials,
  outputDirectory,
  epoch: "1",
});

/** The configuration as a real compute of an overcloud has it, with what is that compute's alone. */
const connection = controlPlane.computeConnection.apply(({ nova, agent, ovnRemote }) =>
  connectionOf(settings, {
    nova: `[DEFAULT]\nhost=compute-0.localdomain\nmy_ip=192.0.2.20\n${Object.values(nova).join("")}`,
    neutron: "[DEFAULT]\nhost=compute-0.localdomain\n",
    agent: Object.values(agent).join(""),
    hosts: "127.0.0.1 localhost\n",
    ovnRemote: ovnRemote ?? "",
  }),
);

const computes = new SimulatedComputes(
  "computes",
  {
    settings,
    stack,
    imageId: computeImage.imageId,
    networkName: controlPlane.networkName,
    connection,
    cloud: controlPlane.cloud,
    mapHosts: controlPlane.mapHosts,
    outputDirectory,
    epoch: "1",
    controlPlane,
  },
  { dependsOn: [controlPlane.ready] },
);

export const { cloudsYaml } = controlPlane.access;
export const hypervisors = computes.hypervisors;
