import * as pulumi from "@pulumi/pulumi";
import type { Credentials } from "../credentials/derive.ts";
import { consoleLogOf } from "../libvirt/console.ts";
import type { DomainType } from "../libvirt/domain-type.ts";
import type { SeedArgs } from "../libvirt/node.ts";
import type { MachinesPlan } from "../libvirt/plan.ts";
import type { LibvirtTopology } from "../libvirt/topology.ts";
import { SEED_LABEL, seedServices, type NodeSeed } from "../node-image/seed.ts";
import { Step } from "../step/step.ts";
import type { Configuration } from "./configuration.ts";
import { controlNodeOf } from "./control-node.ts";
import { checkCommand } from "./health.ts";
import { MAP_HOSTS, type Placed, type PlacedArgs } from "./placed.ts";
import type { ControlPlanePlan, ServicePlan } from "./plan.ts";

/** Seconds from the node's start until every service is up, and from then on until every API has answered. */
const BOOT_SECONDS: Record<DomainType, number> = { kvm: 120, qemu: 900 };
const API_TIMEOUT_SECONDS = 300;

/** What makes a machine the node of a control plane. */
export function controlNodeSeed(
  machines: MachinesPlan,
  { plan, configuration, credentials, settings }: PlacedArgs,
): SeedArgs | undefined {
  if (!controlNodeOf(machines)) return undefined;
  return {
    label: SEED_LABEL,
    documents: pulumi.secret(
      configuration.apply((files) =>
        credentials.apply((known) => seedDocuments(machines, plan, files, known)),
      ),
    ),
    dataGb: settings.standalone.node.dataGb,
  };
}

/** The two files of a node's seed, as components/node-image/seed.ts describes them. */
export function seedDocuments(
  machines: MachinesPlan,
  plan: ControlPlanePlan,
  configuration: Configuration,
  { sshKey }: Credentials,
): Record<string, string> {
  const node = controlNodeOf(machines);
  const network = machines.networks.external;
  if (!node?.external || !network) throw new Error("the plan has no node for the control plane");
  const seed: NodeSeed = {
    hostname: node.name,
    network: {
      ...node.external,
      prefix: Number(network.cidr.split("/")[1]),
      gateway: network.hostAddress,
    },
    publicKey: sshKey.publicKey,
    ...seedServices(plan.services),
  };
  const files = Object.assign(
    {},
    ...plan.services.map(({ name }) => configuration.filesOf(name)),
  ) as Record<string, string>;
  return { "node.json": JSON.stringify(seed), "files.json": JSON.stringify(files) };
}

export interface NodeArgs extends PlacedArgs {
  machines: MachinesPlan;
  topology: LibvirtTopology | undefined;
  domainType: DomainType;
  parent: pulumi.Resource;
}

/** The placement `node`: every service on one machine of the topology. */
export function placeOnNode(args: NodeArgs): Placed {
  const { plan, machines, topology, settings, outputDirectory, domainType, epoch } = args;
  const node = controlNodeOf(machines);
  const domain = topology?.nodes.get(node?.name ?? "")?.domain;
  if (!node?.external || !topology || !domain)
    throw new Error("the topology has no node for the control plane");
  const { configFile } = topology.ssh;
  const ssh = ["ssh", "-F", configFile, node.name];
  const started = new Step(
    `wait-for-${node.name}`,
    {
      directory: `${outputDirectory}/logs`,
      run: {
        action: "standalone/wait-for-node",
        args: {
          node: node.name,
          address: node.external.address,
          uri: settings.libvirt.uri,
          domain: node.domainName,
          consoleLog: consoleLogOf(outputDirectory, node.name),
          inspectServices: [...ssh, inspectScript(plan.services)],
        },
        timeoutSeconds: BOOT_SECONDS[domainType],
      },
      rerunOn: pulumi.all([epoch, domain.id]),
    },
    { parent: args.parent, dependsOn: [topology] },
  );
  return {
    ids: [domain.id],
    started: [started],
    inspectGates: [...ssh, inspectScript(plan.services.filter(({ gates }) => gates))],
    mapHosts: [...ssh, MAP_HOSTS.map(quote).join(" ")],
    apiTimeoutSeconds: API_TIMEOUT_SECONDS,
  };
}

/** A shell script that prints what `docker inspect` prints of containers: name, health, start; all start with the node. */
function inspectScript(services: readonly ServicePlan[]): string {
  const since = `$(date --utc --iso-8601=seconds --date=@"$(sed -n 's/^btime //p' /proc/stat)")`;
  const lines = services.map(({ name, check }) => {
    const test = checkCommand(check).map(quote).join(" ");
    return `if ${test} >/dev/null 2>&1; then h=healthy; else h=starting; fi; echo "${name} $h $since"`;
  });
  return [`since=${since}`, ...lines].join("\n");
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
