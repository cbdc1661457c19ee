import * as pulumi from "@pulumi/pulumi";
import { endedDaemon } from "../../../../components/bmc/daemon.ts";
import { planBmcs } from "../../../../components/bmc/plan.ts";
import { bmcDirectory, VirtualBmc } from "../../../../components/bmc/virtual-bmc.ts";
import { CredentialSeed } from "../../../../components/credentials/seed.ts";
import { firstUsers, nodesInventory } from "../../../../components/libvirt/access.ts";
import { domainTypeOf } from "../../../../components/libvirt/domain-type.ts";
import { planTopology } from "../../../../components/libvirt/plan.ts";
import { LibvirtTopology } from "../../../../components/libvirt/topology.ts";
import { PROJECT_DIRECTORY } from "../../../../components/project.ts";
import { currentEpoch } from "../../../../components/upkeep/epoch.ts";
import { checkLibvirt, libvirtSchema } from "../../../../config/libvirt.ts";
import { formatProblems } from "../../../../config/problems.ts";

const config = new pulumi.Config();
const names = config.require("names");
const outputDirectory = config.require("outputDirectory");
const settings = libvirtSchema.parse(config.requireObject("libvirt"));
const problems = checkLibvirt(settings, names);
if (problems.length > 0) throw new pulumi.RunError(formatProblems(problems));

const whole = planTopology(settings, names, pulumi.getStack());
// A controller differs from a compute in its sizes alone: not worth another emulated machine.
const plan = { ...whole, nodes: whole.nodes.filter(({ role }) => role !== "controller") };
const seed = new CredentialSeed("credentials", { directory: `${outputDirectory}/logs` });

const { epoch } = await currentEpoch({
  directory: outputDirectory,
  files: [],
  host: { stopped: [] },
  ended: endedDaemon(bmcDirectory(outputDirectory)),
  missing: [],
  preview: pulumi.runtime.isDryRun(),
});

const topology = new LibvirtTopology("topology", {
  settings,
  names,
  plan,
  domainType: domainTypeOf(settings, `${PROJECT_DIRECTORY}/.toolchain/host.json`),
  sshKey: seed.credentials.apply(({ sshKey }) => sshKey),
  outputDirectory,
  epoch,
  deployedUser: "heat-admin",
  cacheDirectory: `${PROJECT_DIRECTORY}/.toolchain/images`,
});

new VirtualBmc("virtual-bmc", {
  bmcs: planBmcs(plan, { firstPort: config.requireNumber("firstBmcPort"), user: "admin" }),
  password: seed.credentials.apply(({ bmcPassword }) => bmcPassword),
  libvirtUri: settings.uri,
  outputDirectory,
  program: `${PROJECT_DIRECTORY}/.toolchain/virtualbmc/bin/vbmcd`,
  epoch,
  domains: new Map([...topology.nodes].map(([node, { domain }]) => [node, domain])),
});

export const inventory = nodesInventory(plan, {
  users: firstUsers(settings.user),
  keyFile: topology.ssh.keyFile,
});
export const sshConfig = topology.ssh.configFile;
