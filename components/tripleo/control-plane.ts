import { join } from "node:path";
import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { livingLabels } from "../../config/host.ts";
import { planBmcs } from "../bmc/plan.ts";
import { VirtualBmc } from "../bmc/virtual-bmc.ts";
import type { ComputeConnection } from "../compute/connection.ts";
import { NO_NEW_PRIVILEGES, onlyCapabilities } from "../container/confinement.ts";
import { stackNetwork } from "../container/network.ts";
import { asSet } from "../container/sets.ts";
import type { ControlPlane, ControlPlaneArgs, NodeOutput } from "../control-plane.ts";
import { InfraredUndercloud, UNDERCLOUD_STEPS } from "../infrared/undercloud.ts";
import { undercloudTarget } from "../infrared/target.ts";
import { InfraredWorkspace } from "../infrared/workspace.ts";
import { nodeOutputs } from "../libvirt/access.ts";
import { KEEPER_NAME, labelList, labelsOf } from "../names.ts";
import { domainTypeOf } from "../libvirt/domain-type.ts";
import { planTopology, type TopologyPlan } from "../libvirt/plan.ts";
import { LibvirtTopology } from "../libvirt/topology.ts";
import { Overcloud } from "../overcloud/overcloud.ts";
import { factsOf, microversionsOf } from "../overcloud/release.ts";
import { selectSteps, type StepName } from "../overcloud/steps.ts";
import { varsOf } from "../overcloud/vars.ts";
import { PROJECT_DIRECTORY } from "../project.ts";
import { LEFT_OUT, Step, type StepArgs } from "../step/step.ts";
import { connectionOf } from "./connection.ts";
import type { Harvest } from "./harvest.ts";
import { TripleoFiles } from "./files.ts";
import { KEEP_PASSAGE, planPassage, runPassage } from "./passage.ts";

export interface TripleoControlPlaneArgs extends ControlPlaneArgs {
  /** Hash of the overcloud's playbook and its roles. */
  playbookHash: string;
  /** Contents of the user's environment files. */
  userFilesHash: string;
}

const toolchain = join(PROJECT_DIRECTORY, ".toolchain");

/** An undercloud and an overcloud on libvirt machines: the whole pipeline, each step a resource. */
export class TripleoControlPlane extends pulumi.ComponentResource implements ControlPlane {
  readonly plan: TopologyPlan;
  readonly networkName: pulumi.Output<string>;
  readonly computeConnection: pulumi.Output<ComputeConnection>;
  readonly cloud: ControlPlane["cloud"];
  readonly mapHosts: string[];
  readonly ready: pulumi.Resource;
  readonly endpoints: pulumi.Output<Record<string, string>>;
  readonly access: ControlPlane["access"];
  readonly nodes: Record<string, NodeOutput>;

  constructor(
    name: string,
    args: TripleoControlPlaneArgs,
    options?: pulumi.ComponentResourceOptions,
  ) {
    super("overcloud:index:TripleoControlPlane", name, {}, options);
    const { settings, stack, credentials, outputDirectory, epoch } = args;
    const { names, libvirt, overcloud: deployment } = settings;
    const facts = factsOf(deployment.release);
    const logs = `${outputDirectory}/logs`;
    const { steps } = selectSteps(deployment.release, settings);
    const selected = new Set<string>(steps.map((step) => step.name));
    /** What a step does when one of these is chosen. */
    const partOf = (what: Omit<StepArgs, "directory">, ...names: StepName[]): StepArgs => ({
      directory: logs,
      ...(names.some((each) => selected.has(each)) ? what : LEFT_OUT),
    });
    this.plan = planTopology(libvirt, names, stack);

    const files = new TripleoFiles(
      "files",
      { settings, stack, plan: this.plan, credentials, outputDirectory, epoch },
      { parent: this },
    );
    // Removed last: whatever is removed later would write its log into a folder that is gone.
    const own = { parent: this, dependsOn: [files] };

    const topology = new LibvirtTopology(
      "topology",
      {
        settings: libvirt,
        names,
        plan: this.plan,
        domainType: domainTypeOf(libvirt, join(toolchain, "host.json")),
        sshKey: credentials.apply(({ sshKey }) => sshKey),
        deployedUser: facts.overcloudUser,
        outputDirectory,
        epoch,
        cacheDirectory: join(toolchain, "images"),
        rebuild: confirmed("rebuild_vms", settings.confirm.rebuildVms, logs, own),
      },
      own,
    );
    const domains = new Map([...topology.nodes].map(([node, { domain }]) => [node, domain]));
    const idsOf = (role: string) =>
      this.plan.nodes.flatMap((node) =>
        node.role === role ? (domains.get(node.name)?.id ?? []) : [],
      );

    const bmcs = planBmcs(this.plan, deployment.bmc);
    const bmc = new VirtualBmc(
      "virtual-bmc",
      {
        bmcs,
        password: credentials.apply(({ bmcPassword }) => bmcPassword),
        libvirtUri: libvirt.uri,
        outputDirectory,
        program: join(toolchain, "virtualbmc/bin/vbmcd"),
        epoch,
        domains,
      },
      own,
    );

    const workspace = new InfraredWorkspace(
      "infrared",
      {
        settings: settings.infrared,
        stack,
        outputDirectory,
        nodes: this.plan.nodes,
        access: {
          keyFile: topology.ssh.keyFile,
          undercloudUser: libvirt.user,
          overcloudUser: facts.overcloudUser,
        },
        key: pulumi.unsecret(credentials.apply(({ sshKey }) => sshKey.publicKey)),
        cleanup: settings.confirm.cleanupInfrared,
        epoch,
      },
      { parent: this, dependsOn: [files, topology.ssh] },
    );
    const undercloud = new InfraredUndercloud(
      "undercloud",
      {
        settings: settings.infrared,
        target: undercloudTarget(settings),
        outputDirectory,
        workspace,
        sshConfig: topology.ssh.configFile,
        host: "undercloud-0",
        ansiblePlaybook: join(toolchain, "ansible/bin/ansible-playbook"),
        userPassword: credentials.apply(({ undercloudPassword }) => undercloudPassword),
        rerunOn: pulumi.all(idsOf("undercloud")),
        leftOut: UNDERCLOUD_STEPS.filter((step) => !selected.has(step)),
      },
      { parent: this, dependsOn: [files, ...topology.ready] },
    );

    const overcloud = new Overcloud(
      "overcloud",
      {
        settings,
        plan: this.plan,
        bmcs,
        libvirtUri: libvirt.uri,
        outputDirectory,
        epoch,
        inventory: files.inventory,
        tunnelCidr: settings.network.tunnelCidr,
        files: { sshKey: topology.ssh.keyFile, bmcPassword: files.bmcPassword },
        playbookHash: args.playbookHash,
        userFilesHash: args.userFilesHash,
        after: {
          deploy_undercloud: [undercloud.ready],
          build_vms: topology.ready,
          install_vbmc: bmc.ready,
        },
        nodeIds: Object.fromEntries([...domains].map(([node, { id }]) => [node, id])),
      },
      { parent: this, dependsOn: [files] },
    );
    const deployed = overcloud.steps.get("run_deploy_overcloud");
    const afterDeployment = { parent: this, dependsOn: deployed ? [files, deployed] : [files] };
    // Another deployment may have other addresses and passwords.
    const deploymentInputs = [
      JSON.stringify(varsOf("run_deploy_overcloud", overcloud.vars)),
      args.userFilesHash,
      ...[...domains.values()].map(({ id }) => id),
    ];

    const ssh = ["ssh", "-F", topology.ssh.configFile, "-l"];
    const onUndercloud = [...ssh, deployment.user, "undercloud-0"];
    const onOvercloud = (node: string) => [...ssh, facts.overcloudUser, node];
    this.mapHosts = [
      ...onOvercloud("controller-0"),
      ...["sudo", facts.containerEngine, "exec", "nova_api"],
      ...["nova-manage", "cell_v2", "discover_hosts", "--by-service"],
    ];
    this.cloud = { cloudsYaml: `${outputDirectory}/clouds.yaml`, cloud: stack };
    this.access = {
      cloudsYaml: this.cloud.cloudsYaml,
      openrc: `${outputDirectory}/openrc`,
      inventory: files.inventory,
      sshConfig: topology.ssh.configFile,
    };
    this.nodes = nodeOutputs(this.plan);

    const access = new Step(
      "take-access",
      partOf(
        {
          run: {
            action: "tripleo/access",
            args: {
              ssh: onUndercloud,
              rcFile: `${deployment.workingDirectory}/${deployment.stack}rc`,
              cloud: stack,
              microversions: microversionsOf(deployment.release),
              directory: outputDirectory,
            },
            timeoutSeconds: 120,
          },
          rerunOn: pulumi.all([epoch, ...deploymentInputs]),
        },
        "run_deploy_overcloud",
        "simulate_compute_node",
      ),
      afterDeployment,
    );
    this.endpoints = access.result.apply((json): Record<string, string> => {
      const { authUrl } = JSON.parse(json) as { authUrl?: string };
      return authUrl === undefined ? {} : { keystone: authUrl };
    });

    // What follows is the step simulate_compute_node of the reference: configuration, network and routes of computes.
    const harvest = new Step(
      "harvest-compute",
      {
        ...partOf(
          {
            run: {
              action: "tripleo/harvest",
              args: { ssh: onOvercloud("compute-0") },
              timeoutSeconds: 300,
            },
            rerunOn: pulumi.all(deploymentInputs),
          },
          "simulate_compute_node",
        ),
        secretResult: true,
      },
      afterDeployment,
    );
    this.computeConnection = pulumi.secret(
      harvest.result.apply((json): ComputeConnection => {
        const found = JSON.parse(json) as Harvest | { skipped: true };
        // Without the step there are no computes that would use it.
        return "skipped" in found ? { nova: {}, agent: {} } : connectionOf(settings, found);
      }),
    );
    const network = new docker.Network(
      `${name}-network`,
      stackNetwork(stack, {
        name: names,
        cidr: settings.network.cidr,
        labels: livingLabels(settings),
      }),
      { parent: this, dependsOn: [files], deleteBeforeReplace: true },
    );
    this.networkName = network.name;
    const environment = planPassage(settings, stack);
    const passage = new Step(
      "routes-to-overcloud",
      {
        directory: logs,
        ...(environment
          ? {
              run: runPassage("set", environment),
              remove: runPassage("remove", environment),
              rerunOn: pulumi.all([epoch, network.id]),
            }
          : LEFT_OUT),
      },
      { parent: this, dependsOn: [access, harvest, network] },
    );
    this.ready = environment ? this.#keeper(args, environment, passage) : passage;
    this.registerOutputs({ networkName: this.networkName });
  }

  /** Keeps the passage to the overcloud while no `pulumi` runs: over reboots, and whatever daemon starts anew. */
  #keeper(
    { settings, stack, imageId }: TripleoControlPlaneArgs,
    environment: Readonly<Record<string, string>>,
    passage: Step,
  ): docker.Container {
    return new docker.Container(
      "passage-keeper",
      {
        name: `${settings.names}-${KEEPER_NAME}`,
        image: imageId,
        entrypoints: KEEP_PASSAGE,
        envs: asSet(Object.entries(environment).map(([name, value]) => `${name}=${value}`)),
        // Routes and rules are the machine's, so this one container has the machine's network, and nothing else of it.
        networkMode: "host",
        capabilities: onlyCapabilities("NET_ADMIN", "NET_RAW"),
        securityOpts: NO_NEW_PRIVILEGES,
        restart: "unless-stopped",
        destroyGraceSeconds: 5,
        logDriver: "json-file",
        logOpts: { "max-size": "1m", "max-file": "2" },
        labels: labelList(labelsOf(stack, { role: KEEPER_NAME })),
        mustRun: true,
      },
      // Ended before the step takes away what it would set again.
      { parent: this, dependsOn: [passage], deleteBeforeReplace: true },
    );
  }
}

/**
 * The confirmation of something destructive, as it was given last: taking it back, or leaving it empty, is no new one.
 * @returns what changes with each new value
 */
function confirmed(
  name: string,
  value: string,
  directory: string,
  options: pulumi.ComponentResourceOptions,
): pulumi.Output<string> {
  return new Step(
    name,
    { directory, run: { action: "step/confirm", args: { value } }, keep: value === "" },
    options,
  ).result;
}
