import { Buffer } from "node:buffer";
import { execa } from "execa";
import { Parser, type ReadEntry } from "tar";
import type { Action } from "../step/action.ts";

export interface HarvestArgs {
  /** ssh with its options, and the name of a compute that runs. */
  ssh: string[];
}

/** What a real compute of the overcloud knows. */
export interface Harvest {
  /** nova.conf, neutron.conf and openvswitch_agent.ini, comments left out; empty where the compute has none. */
  nova: string;
  neutron: string;
  agent: string;
  /** /etc/hosts. */
  hosts: string;
  /** Remote of OVN's southbound database; empty where the compute runs another agent. */
  ovnRemote: string;
}

/** Where configuration that is made for containers lies on a node; the containers see it below /etc. */
const GENERATED = "var/lib/config-data/puppet-generated";

const FILES = {
  nova: `${GENERATED}/nova_libvirt/etc/nova/nova.conf`,
  neutron: `${GENERATED}/neutron/etc/neutron/neutron.conf`,
  agent: `${GENERATED}/neutron/etc/neutron/plugins/ml2/openvswitch_agent.ini`,
  hosts: "etc/hosts",
} as const;

/** Bytes of the archive that are read at most; a compute's few files have under a megabyte. */
const ARCHIVE_LIMIT = 32 * 2 ** 20;

/**
 * Reads the configuration of a real compute. The result holds the overcloud's credentials.
 * @throws Error if the compute can't be reached or is none
 */
export const harvest: Action<HarvestArgs> = async ({ ssh }, { report, signal }) => {
  const [program = "", ...options] = ssh;
  const options_ = { cancelSignal: signal, stdin: "ignore", maxBuffer: ARCHIVE_LIMIT } as const;
  // What is missing is judged below, by what it is.
  const archive = await execa(
    program,
    [
      ...options,
      "sudo",
      "tar",
      "-C",
      "/",
      "-czf",
      "-",
      "--ignore-failed-read",
      ...Object.values(FILES),
    ],
    { ...options_, encoding: "buffer" },
  );
  const files = await unpack(Buffer.from(archive.stdout));
  const text = (name: keyof typeof FILES) => withoutComments(files.get(FILES[name]) ?? "");
  if (text("nova") === "") throw new Error(`${ssh.at(-1)} has no /${FILES.nova}: it is no compute`);
  const remote = await execa(
    program,
    [
      ...options,
      "sudo",
      "ovs-vsctl",
      "--if-exists",
      "get",
      "open_vswitch",
      ".",
      "external_ids:ovn-remote",
    ],
    { ...options_, reject: false },
  );
  const ovnRemote = remote.failed ? "" : remote.stdout.trim().replaceAll('"', "");
  report(`took ${files.size} files of ${ssh.at(-1)}${ovnRemote && ", which runs OVN"}`);
  const result: Harvest = {
    nova: text("nova"),
    neutron: text("neutron"),
    agent: text("agent"),
    hosts: text("hosts"),
    ovnRemote,
  };
  return result;
};

async function unpack(archive: Buffer): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  const parser = new Parser({
    onReadEntry: (entry: ReadEntry) => {
      const chunks: Buffer[] = [];
      entry.on("data", (chunk) => chunks.push(Buffer.from(chunk)));
      entry.on("end", () => files.set(entry.path, Buffer.concat(chunks).toString()));
    },
  });
  await new Promise<void>((resolve, reject) => {
    parser.on("end", resolve);
    parser.on("error", reject);
    parser.end(archive);
  });
  return files;
}

function withoutComments(text: string): string {
  return text
    .split("\n")
    .filter((line) => !/^\s*(#|$)/.test(line))
    .map((line) => `${line.trimEnd()}\n`)
    .join("");
}
