import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { json } from "node:stream/consumers";
import { execa } from "execa";
import { z } from "zod";
import { APIS, offsetOf, OVN_SOUTHBOUND_PORT } from "../../components/standalone/services.ts";
import { addressAt } from "../../config/addresses.ts";
import { docker } from "../../tools/scratch-stack.ts";
import type { CloudState } from "./tripleo/hosts.ts";

const STAND_INS = path.join(import.meta.dirname, "tripleo/image/stand-ins");
const PIPELINE = path.join(import.meta.dirname, "pipeline");

/** The playbook that the hook runs. */
export const PLAYBOOK = path.join(PIPELINE, "undercloud.yml");

/** Name by which the overcloud's configuration knows its message bus; /etc/hosts of its nodes has it, no DNS does. */
const INTERNAL_NAME = "overcloud.internalapi.localdomain";

/** The cloud that stands for what TripleO deploys: another stack of this program. */
export interface Overcloud {
  /** Prefix of its containers' names. */
  names: string;
  /** Its docker network. */
  cidr: string;
  keystonePort: number;
  adminPassword: string;
}

export interface Site {
  overcloud: Overcloud;
  /** The hypervisor, as nodes reach it. */
  hypervisor: string;
  /** Nodes of the overcloud by name, with the address that ssh goes to. */
  nodes: Record<string, string>;
  state: Pick<CloudState, "release"> & Partial<CloudState>;
}

/** What an undercloud and an overcloud of stand-ins are made of, and where the calls to the controller's podman end. */
export class Pipeline {
  readonly folder = mkdtempSync(path.join(tmpdir(), "overcloud-pipeline-"));
  /** Everything that podman was called with. */
  readonly podman: string[] = [];
  #relay: Server | undefined;

  /** What the hook brings onto the undercloud. */
  get archive(): string {
    return path.join(this.folder, "undercloud.tar");
  }

  /** Packs the archive; from now on calls of podman are answered. */
  async create(site: Site): Promise<void> {
    const port = await this.#listen(site.overcloud.names);
    const root = path.join(this.folder, "undercloud");
    const own = (...names: string[]) => path.join(root, "var/lib/stand-in", ...names);
    for (const name of ["openstack", "ifup"]) {
      install(path.join(STAND_INS, name), path.join(root, "usr/local/bin", name));
    }
    install(
      path.join(PIPELINE, "become-undercloud"),
      path.join(root, "usr/local/bin/become-undercloud"),
    );
    install(path.join(PIPELINE, "deployed"), own("deployed"));
    write(own("state.json"), JSON.stringify({ ...EMPTY, ...site.state }));
    write(own("overcloudrc"), rcFile(site.overcloud));
    const nodes = Object.entries(site.nodes);
    write(own("nodes/list"), nodes.map(([name, address]) => `${name} ${address}\n`).join(""));
    for (const [name] of nodes) {
      const node = (file: string) => own("nodes", name, file);
      const become = "usr/local/bin/become-overcloud-node";
      install(path.join(PIPELINE, "become-overcloud-node"), node(become));
      if (name.startsWith("controller")) {
        install(path.join(PIPELINE, "podman"), node("usr/local/bin/podman"));
        write(node("etc/stand-in-relay"), `http://${site.hypervisor}:${port}/\n`);
      } else {
        install(path.join(PIPELINE, "ovs-vsctl"), node("usr/local/bin/ovs-vsctl"));
        const southbound = addressAt(site.overcloud.cidr, offsetOf("ovn-sb-db"));
        write(node("etc/stand-in-ovn-remote"), `"tcp:${southbound}:${OVN_SOUTHBOUND_PORT}"\n`);
        for (const [file, text] of Object.entries(await computeFiles(site.overcloud))) {
          write(node(file), text);
        }
      }
    }
    await execa("tar", ["-C", root, "-cf", this.archive, "."]);
  }

  /** Answers what comes from the controller: what is to run in a container runs in the overcloud's. */
  async #listen(names: string): Promise<number> {
    const relay = createServer((request, response) => {
      void (async () => {
        const argv = z.array(z.string()).parse(await json(request));
        this.podman.push(argv.join(" "));
        const [verb, container, ...command] = argv;
        const known = verb === "exec" && container === "nova_api" && command[0] === "nova-manage";
        const { exitCode, all } = known
          ? await execa("docker", ["exec", `${names}-nova-conductor`, ...command], {
              all: true,
              reject: false,
            })
          : { exitCode: 125, all: `podman ${argv.join(" ")}: nobody knows that` };
        response.end(JSON.stringify({ status: exitCode, output: all }));
      })();
    });
    this.#relay = relay;
    await new Promise<void>((resolve) => relay.listen(0, "0.0.0.0", resolve));
    return (relay.address() as AddressInfo).port;
  }

  remove(): void {
    this.#relay?.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const EMPTY: Omit<CloudState, "release"> = {
  nodes: {},
  flavors: {},
  subnet: ["192.0.2.53"],
  stacks: {},
  provisioned: [],
};

function write(file: string, text: string): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
}

function install(from: string, to: string): void {
  mkdirSync(path.dirname(to), { recursive: true });
  cpSync(from, to);
  chmodSync(to, 0o755);
}

/** As a deployment leaves it. */
function rcFile({ keystonePort, adminPassword }: Overcloud): string {
  const variables = {
    OS_AUTH_URL: `http://127.0.0.1:${keystonePort}`,
    OS_USERNAME: "admin",
    OS_PASSWORD: adminPassword,
    OS_PROJECT_NAME: "admin",
    OS_IDENTITY_API_VERSION: "3",
  };
  return Object.entries(variables)
    .map(([name, value]) => `export ${name}=${value}\n`)
    .join("");
}

/**
 * What a real compute of that cloud has: its conductor's configuration without databases, with what is the compute's own,
 * and with a name that only /etc/hosts knows.
 */
async function computeFiles({ names, cidr }: Overcloud): Promise<Record<string, string>> {
  const conductor = `${names}-nova-conductor`;
  const conf = await docker("exec", conductor, "cat", "/etc/nova/nova.conf.d/50-stack.conf");
  const bus = addressAt(cidr, offsetOf("rabbitmq"));
  const keystone = `${addressAt(cidr, offsetOf(APIS.keystone.service))}:`;
  const nova = conf
    .split(/^(?=\[)/m)
    .filter((section) => !/^\[(api_)?database\]|^\[(cache|keystone_authtoken)\]/.test(section))
    .join("")
    .replace("[DEFAULT]\n", "[DEFAULT]\nhost=compute-0.localdomain\nmy_ip=192.0.2.20\n")
    .replaceAll(/^compute_driver.*$/gm, "compute_driver=libvirt.LibvirtDriver")
    .replaceAll(`@${bus}:`, `@${INTERNAL_NAME}:`)
    .replaceAll(keystone, `keystone.${INTERNAL_NAME}:`);
  const generated = "var/lib/config-data/puppet-generated";
  return {
    [`${generated}/nova_libvirt/etc/nova/nova.conf`]: `# As puppet writes it.\n${nova}[api_database]\n`,
    [`${generated}/neutron/etc/neutron/neutron.conf`]: "[DEFAULT]\nhost=compute-0.localdomain\n",
    "etc/hosts": [
      "127.0.0.1 localhost localhost.localdomain",
      `${bus} ${INTERNAL_NAME} overcloud.internalapi`,
      `${keystone.slice(0, -1)} keystone.${INTERNAL_NAME}`,
      "",
    ].join("\n"),
  };
}

/** Lets two docker networks, which docker keeps apart, talk to each other; returns what takes that back. */
export async function joinNetworks(one: string, other: string): Promise<() => Promise<void>> {
  const rules = [
    ["-s", one, "-d", other, "-j", "ACCEPT"],
    ["-s", other, "-d", one, "-j", "ACCEPT"],
  ];
  const iptables = (verb: string, rule: string[], reject: boolean) =>
    execa("iptables", ["-w", verb, "DOCKER-USER", ...rule], { reject, stdin: "ignore" });
  const remove = async () => {
    for (const rule of rules) {
      // Also what an interrupted run left.
      while (!(await iptables("-D", rule, false)).failed);
    }
  };
  await remove();
  for (const rule of rules) await iptables("-I", rule, true);
  return remove;
}
