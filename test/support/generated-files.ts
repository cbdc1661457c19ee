import assert from "node:assert/strict";
import { parse } from "yaml";
import {
  cloudsYaml,
  inventory,
  stackVariables,
  tripleoInventory,
} from "../../components/access/documents.ts";
import { configText } from "../../components/bmc/actions.ts";
import { planBmcs } from "../../components/bmc/plan.ts";
import { planComputes } from "../../components/compute/plan.ts";
import { deriveCredentials } from "../../components/credentials/derive.ts";
import { PINS, requirementsOf } from "../../components/infrared/install.ts";
import { infraredInventory } from "../../components/infrared/inventory.ts";
import { undercloudTarget } from "../../components/infrared/target.ts";
import { undercloudArgv } from "../../components/infrared/undercloud-argv.ts";
import { firstUsers, sshConfig } from "../../components/libvirt/access.ts";
import { cloudInitOf } from "../../components/libvirt/cloud-init.ts";
import {
  planTopology,
  poolPath,
  type MachinesPlan,
  type NodePlan,
} from "../../components/libvirt/plan.ts";
import { kernelArguments, networkStylesheet } from "../../components/libvirt/stylesheets.ts";
import { nodeSeedSchema } from "../../components/node-image/seed.ts";
import { planVars, renderVars } from "../../components/overcloud/vars.ts";
import { planPlaybooks } from "../../components/playbook/plan.ts";
import { specificationSchema } from "../../components/step/specification.ts";
import { Configuration } from "../../components/standalone/configuration.ts";
import { controlNodeOf } from "../../components/standalone/control-node.ts";
import { seedDocuments } from "../../components/standalone/node.ts";
import {
  planControlPlane,
  planStandaloneMachines,
  tlsNames,
  type ControlPlanePlan,
} from "../../components/standalone/plan.ts";
import { SERVICES } from "../../components/standalone/services.ts";
import { apiCertificates } from "../../components/tls/api-certificates.ts";
import type { Settings } from "../../config/schema.ts";
import { parseIni } from "./ini.ts";

const credentials = deriveCredentials("0123456789abcdefghijklmnopqrstuvwxyz");
const microversions = { compute: "2.90", placement: "1.39" };

/** A folder that files are said to be in. */
const OUTPUT = "/home/somebody/the cloud/output/stack";

/**
 * Makes every file and command that the settings lead to, reads each as what reads it does, and compares: nothing has more
 * lines, options, hosts, words or users than it would have with harmless settings.
 */
export function checkFiles(settings: Settings, stack: string): void {
  checkConfiguration(settings, stack);
  checkPlaybooks(settings);
  if (settings.controlPlane === "tripleo") {
    checkTripleo(settings, stack);
    checkInfrared(settings, stack);
  } else {
    checkStandalone(settings, stack);
  }
}

function configurationOf(settings: Settings, plan: ControlPlanePlan): Configuration {
  const made = settings.tls && apiCertificates(settings.names, credentials.tlsKeys, tlsNames(plan));
  return new Configuration(settings, plan, credentials, ...(made ? [made] : []));
}

function checkConfiguration(settings: Settings, stack: string): void {
  if (settings.controlPlane === "tripleo") return;
  const plan = planControlPlane(settings);
  const configuration = configurationOf(settings, plan);
  const { nova, agent } = configuration.computeConnection();
  const files: Record<string, string> = { ...nova, ...agent };
  for (const service of SERVICES) Object.assign(files, configuration.filesOf(service));
  for (const [name, text] of Object.entries(files)) {
    if (!/50-stack\.conf$/.test(name) || name.includes("rabbitmq")) continue;
    for (const [section, options] of Object.entries(parseIni(text))) {
      assert.match(section, /^[a-zA-Z_0-9]+$/);
      for (const [option, value] of Object.entries(options)) {
        assert.match(option, /^[a-z0-9_]+$/);
        assert.match(value, PLAIN_VALUE, `${name} [${section}] ${option}`);
      }
    }
  }
  const { clouds } = parse(
    cloudsYaml({
      cloud: stack,
      authUrl: plan.endpoints.keystone.public,
      adminPassword: "x",
      microversions,
    }),
  ) as { clouds: Record<string, unknown> };
  assert.deepEqual(Object.keys(clouds), [stack]);
}

const PLAIN_VALUE = /^[\w:/.,@?=&+-]*$/;

function checkStandalone(settings: Settings, stack: string): void {
  const plan = planControlPlane(settings);
  const machines = planStandaloneMachines(settings, stack);
  const bmcs = planBmcs(machines, settings.overcloud.bmc);
  const computes = planComputes(settings, stack);
  const text = inventory(plan.services, computes, stackVariables(settings, stack, OUTPUT), {
    ...{ machines, bmcs, configFile: `${OUTPUT}/ssh/config`, bmcPasswordFile: `${OUTPUT}/bmc` },
  });
  assert.deepEqual(
    hostsIn(text),
    [
      ...plan.services.map(({ name }) => name),
      ...machines.nodes.map(({ name }) => name),
      ...computes.map(({ host }) => host),
      "localhost",
    ].sort(),
  );
  checkMachines(machines, settings);
  if (!controlNodeOf(machines)) return;
  const configuration = configurationOf(settings, plan);
  const seed = seedDocuments(machines, plan, configuration, credentials);
  nodeSeedSchema.parse(JSON.parse(seed["node.json"] ?? ""));
}

/** Names of all hosts of an inventory, each once. */
function hostsIn(text: string): string[] {
  interface Group {
    hosts?: Record<string, unknown>;
    children?: Record<string, Group>;
  }
  const visit = ({ hosts = {}, children = {} }: Group): string[] => [
    ...Object.keys(hosts),
    ...Object.values(children).flatMap(visit),
  ];
  return [
    ...new Set(visit(parse(text) as Group).concat(visit((parse(text) as { all: Group }).all))),
  ].sort();
}

function checkMachines(plan: MachinesPlan, settings: Settings): void {
  const users = firstUsers(settings.libvirt.user);
  const lines = sshConfig(plan, { users, keyFile: `${OUTPUT}/ssh/id` }).split("\n");
  const hosts = plan.nodes.filter(({ role }) => role !== "baremetal").map(({ name }) => name);
  assert.deepEqual(
    lines.filter((line) => line.startsWith("Host ")).map((line) => line.slice(5)),
    [...hosts, "*"],
  );
  for (const line of lines) assert.match(line, /^$|^Host \S+$|^ {2}[A-Za-z]+ ([^\s"]+|"[^"]+")$/);
  for (const network of Object.values(plan.networks)) {
    const reservations = network.dhcp?.reservations.length ?? 0;
    assert.equal(
      networkStylesheet(network).match(/<host mac="[\w:]+" name="[\w-]+" ip="[\d.]+"\/>/g)
        ?.length ?? 0,
      reservations,
    );
  }
  for (const bmc of planBmcs(plan, settings.overcloud.bmc)) checkBmc(bmc, settings);
  assert.match(poolPath(settings.libvirt, settings.names), /^\/[^\s<>&"']+$/);
  for (const group of kernelArguments(settings.libvirt.image.cmdline)) {
    for (const [key, value] of Object.entries(group)) assert.doesNotMatch(key + value, /\p{Cc}/u);
  }
}

/** As virtualbmc reads it: options of one section, with `%%` for a percent sign. */
function checkBmc(
  bmc: Omit<Parameters<typeof configText>[0], "directory" | "libvirtUri">,
  settings: Settings,
): void {
  const { uri } = settings.libvirt;
  const [title, ...lines] = configText({ ...bmc, directory: OUTPUT, libvirtUri: uri }, "password")
    .trimEnd()
    .split("\n");
  assert.equal(title, "[VirtualBMC]");
  const options = lines.map((each) => /^([a-z_]+) = (.*)$/.exec(each) ?? assert.fail(each));
  assert.deepEqual(
    options.map(([, key]) => key),
    ["username", "password", "domain_name", "libvirt_uri", "address", "port", "active"],
  );
  assert.equal(options[3]?.[2]?.replaceAll("%%", "%"), uri);
  assert.doesNotMatch(options[3]?.[2]?.replaceAll("%%", "") ?? "", /%/);
}

function checkTripleo(settings: Settings, stack: string): void {
  const plan = planTopology(settings.libvirt, settings.names, stack);
  const bmcs = planBmcs(plan, settings.overcloud.bmc);
  const computes = planComputes(settings, stack);
  checkMachines(plan, settings);
  const text = tripleoInventory(
    plan,
    { users: firstUsers(settings.libvirt.user), keyFile: `${OUTPUT}/ssh/id` },
    computes,
    stackVariables(settings, stack, OUTPUT),
  );
  assert.deepEqual(
    hostsIn(text),
    [
      ...plan.nodes.map(({ name }) => name),
      ...computes.map(({ containerName }) => containerName),
      "localhost",
    ].sort(),
  );
  for (const node of plan.nodes) checkCloudInit(node, settings);
  const vars = planVars(settings.overcloud, {
    ...{ plan, bmcs, libvirtUri: settings.libvirt.uri, tunnelCidr: settings.network.tunnelCidr },
    files: { sshKey: `${OUTPUT}/ssh/id`, bmcPassword: `${OUTPUT}/bmc` },
  });
  const written: unknown = JSON.parse(renderVars(vars));
  assert.deepEqual(unmarked(written), JSON.parse(JSON.stringify(vars)));
  const words = wordsOf(vars.cloud_deploy_script);
  assert.deepEqual(words.slice(0, 3), ["openstack", "overcloud", "deploy"]);
  const { deployArgs } = settings.overcloud;
  if (deployArgs.length > 0) assert.deepEqual(words.slice(-deployArgs.length), deployArgs);
}

/** The same without ansible's marks for text that is no template; there is none without a mark that looks like one. */
function unmarked(value: unknown): unknown {
  if (typeof value === "string") assert.doesNotMatch(value, /\{[{%#]/);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(unmarked);
  if ("__ansible_unsafe" in value) return value.__ansible_unsafe;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, unmarked(each)]));
}

/** Words of the script's only command, as a shell has them. */
function wordsOf(script: string): string[] {
  const [, command = ""] = /\nexec (.*) "\$@"\n$/s.exec(script) ?? [];
  assert.ok(!command.includes("\n"), script);
  const word = /^(?:[A-Za-z0-9._/:,=@%+-]+|'[^']*'|\\')+/;
  const words: string[] = [];
  for (let rest = command; rest !== "";) {
    const [found] = word.exec(rest) ?? assert.fail(`a shell would read more than a word: ${rest}`);
    words.push(
      found.replaceAll(
        /'([^']*)'|\\(')/g,
        (_, quoted?: string, single?: string) => quoted ?? single ?? "",
      ),
    );
    rest = rest.slice(found.length).replace(/^ /, "");
  }
  return words;
}

function checkCloudInit(node: NodePlan, settings: Settings): void {
  const { user } = settings.libvirt;
  const { publicKey } = credentials.sshKey;
  const { documents } = cloudInitOf(node, { user, publicKey });
  const { users, hostname } = parse(documents["user-data"] ?? "") as {
    users: { name: string; ssh_authorized_keys: string[] }[];
    hostname: string;
  };
  assert.deepEqual(
    users.map(({ name }) => name),
    [user, "root"],
  );
  for (const each of users) assert.deepEqual(each.ssh_authorized_keys, [publicKey]);
  assert.equal(hostname, node.name);
}

function checkInfrared(settings: Settings, stack: string): void {
  const { infrared, libvirt, names } = settings;
  const plan = planTopology(libvirt, names, stack);
  const target = undercloudTarget(settings);
  const argv = undercloudArgv(infrared, target, { inventory: "hosts", vars: "vars.yml" });
  const own = argv.length - infrared.undercloud.extraArgs.length;
  for (const word of argv.slice(1, own)) assert.match(word, /^(-v+|--[a-z-]+=.*)$/s);
  for (const word of argv) assert.doesNotMatch(word, /\p{Cc}|\{[{%#]/u);
  for (const requirement of requirementsOf({ ...PINS, ...infrared.pins })) {
    assert.match(requirement, /^[A-Za-z0-9][\w.-]*==[\w.!+-]+$/);
  }
  for (const word of [infrared.source.repository, infrared.source.revision, ...infrared.plugins]) {
    assert.match(word, /^[^-]/);
  }
  const lines = infraredInventory(plan.nodes, {
    ...{ keyFile: `${OUTPUT}/ssh/id`, undercloudUser: libvirt.user, overcloudUser: "heat-admin" },
  }).split("\n");
  assert.equal(
    lines.findIndex((each) => each.startsWith("[")),
    plan.nodes.length + 2,
  );
}

function checkPlaybooks({ playbooks }: Settings): void {
  for (const { name, run } of planPlaybooks(playbooks, OUTPUT, false)) {
    for (const suffix of ["", "-settings", "-teardown"]) {
      specificationSchema.shape.name.parse(`playbook-${name}${suffix}`);
    }
    assert.ok(run.playbook.startsWith("/"));
    assert.equal(run.resultFile, `${OUTPUT}/results/${name}.json`);
    for (const tag of [...run.tags, ...run.skipTags]) assert.match(tag, /^[^,\s]+$/);
  }
}
