import { access, constants, stat } from "node:fs/promises";
import { z } from "zod";
import { productVersions, RELEASES } from "../components/overcloud/release.ts";
import { selectSteps } from "../components/overcloud/steps.ts";
import { address, boolean, choice, folder, host, integer, line } from "./fields.ts";
import type { Problem } from "./problems.ts";
import { movePlacementSchema } from "./standalone.ts";

const words = (what: string) =>
  z
    .array(line(what).min(1, `must be ${what}`), { error: `must be a list of ${what}s` })
    .default([]);

/** Part of an image's name or a registry's: nothing that a YAML file or a shell could take for something else. */
const imagePart = z
  .string({ error: "must be text" })
  .regex(/^[A-Za-z0-9._/:-]*$/, { error: "may have letters, digits and . _ / : - only" })
  .default("");

const absolutePath = folder.regex(/^\/[A-Za-z0-9._/-]*$/, {
  error: "must be an absolute path of letters, digits and . _ / -",
});

/** The key `overcloud`: what is deployed, of which release, and how. */
export const overcloudSchema = z
  .strictObject({
    /** Where packages come from: RDO's community distribution, or Red Hat's product. */
    distribution: choice("rdo", "rhel").default("rdo"),
    release: choice(...RELEASES).default("train"),
    /** Version of the product, with `rhel` only: 13, 14, 15, 16, 16.1, 16.2, 17, 17.1. Default: the release's last. */
    version: z.string({ error: "must be text, such as '16.2'" }).optional(),
    /** Name of the overcloud's Heat stack. */
    stack: z
      .string({ error: "must be a name" })
      .regex(/^[a-zA-Z][a-zA-Z0-9-]{0,62}$/, { error: "must be letters, digits and dashes" })
      .default("overcloud"),
    /** DNS domain of the overcloud's nodes. */
    domain: z
      .string({ error: "must be a DNS domain" })
      .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/, {
        error: "must be a DNS domain",
      })
      .default("localdomain"),
    /** Who owns the installed undercloud, and where its files are. */
    user: z
      .string({ error: "must be a user name" })
      .regex(/^[a-z_][a-z0-9_-]{0,31}$/, { error: "must be a user name" })
      .default("stack"),
    workingDirectory: absolutePath.default("/home/stack"),
    /** Folder of the Heat templates on the undercloud. */
    templates: absolutePath.default("/usr/share/openstack-tripleo-heat-templates"),
    /** Container images; what is empty is as the release has it. */
    containers: z
      .strictObject({
        /** Host of the registry, with its port if it has one. */
        registry: imagePart,
        namespace: imagePart,
        tag: imagePart,
      })
      .prefault({}),
    /** Time servers of undercloud and overcloud. */
    ntpServers: z
      .array(host, { error: "must be a list of host names" })
      .min(1, "must name a server")
      .default(["pool.ntp.org"]),
    /** DNS servers of undercloud and overcloud. Empty: the hypervisor's on the external network. */
    nameservers: z.array(address, { error: "must be a list of addresses" }).default([]),
    /** How nova on the overcloud's own computes runs servers; kvm takes nested virtualisation. */
    libvirtType: choice("qemu", "kvm").default("qemu"),
    /** Fewer workers and smaller buffers on the controllers. */
    lowMemory: boolean.default(true),
    /** Whether the overcloud gets telemetry services. */
    telemetry: boolean.default(false),
    /** Whether configuration management on the nodes says more than it must. */
    debug: boolean.default(true),
    /** Minutes that the deployment may take. */
    deployTimeoutMinutes: integer(10, 24 * 60).default(90),
    /** Environment files on this machine that are copied to the undercloud and end the deploy command. */
    environmentFiles: words("path"),
    /** Further arguments of `openstack overcloud deploy`. */
    deployArgs: words("argument"),
    /** Whether a deployment that exists and has failed or changed is deleted first. All servers in it are lost. */
    deleteExistingStack: boolean.default(false),
    /** Kernel parameters of the undercloud, besides and instead of those that it needs as a router. */
    sysctls: z
      .record(
        z.string().regex(/^[a-z0-9_./-]+$/, { error: "must be a kernel parameter" }),
        z.union([line("a value"), z.number()], { error: "must be text or a number" }),
        { error: "must be kernel parameters with their values" },
      )
      .default({}),
    /**
     * Docker image of the simulated computes, with a nova-compute of the release or the one before. Default: built from
     * images/compute, which has train and wallaby.
     */
    computeImage: z
      .string({ error: "must be the name of an image" })
      .regex(/^[a-zA-Z0-9][a-zA-Z0-9._/:@-]*$/, { error: "must be the name of an image" })
      .optional(),
    bmc: z
      .strictObject({
        /** UDP port of the first node's BMC on the provisioning network's host address; others follow. */
        firstPort: integer(1024, 65000).default(6230),
        /** Who Ironic logs in as. */
        user: z
          .string({ error: "must be a user name" })
          .regex(/^[A-Za-z0-9_-]{1,16}$/, { error: "must be 1 to 16 letters, digits, _ and -" })
          .default("admin"),
      })
      .prefault({}),
  })
  .prefault({});

const names = z.array(z.string({ error: "must be the name of a step or a group" }), {
  error: "must be a list of steps and groups",
});

/** The key `steps`: steps and groups to run, in any order; empty: all. */
export const stepsSchema = names.default([]);

/** The key `skip`: steps and groups to leave out. */
export const skipSchema = names.default([]);

/** The key `confirm`: what is destructive happens only when it is named here. */
export const confirmSchema = z
  .strictObject({
    /** Lets the placement of a deployed standalone control plane change to this one; its databases are lost. */
    movePlacement: movePlacementSchema,
    /** Each new value lets rebuild_vms replace every VM of the stack. */
    rebuildVms: line("text").default(""),
    /** Each new value lets cleanup_infrared remove Infrared's environment and workspace. */
    cleanupInfrared: line("text").default(""),
  })
  .prefault({});

export type OvercloudSettings = Readonly<z.output<typeof overcloudSchema>>;

/** What the keys of this file hold. */
export interface PipelineSettings {
  overcloud: OvercloudSettings;
  steps: readonly string[];
  skip: readonly string[];
  confirm: Readonly<z.output<typeof confirmSchema>>;
}

/** Rules between keys: pure, so that they hold on any machine. */
export function checkOvercloud(settings: PipelineSettings): Problem[] {
  return [
    ...checkVersion(settings.overcloud),
    ...selectSteps(settings.overcloud.release, settings).problems,
  ];
}

/**
 * Rules that involve the topology: each overcloud node has a BMC on a port of its own.
 * @param places how many ports are set aside for them
 */
export function checkBmcPorts({ bmc }: OvercloudSettings, places: number): Problem[] {
  const last = bmc.firstPort + places - 1;
  if (last <= 65535) return [];
  return [
    {
      key: "overcloud.bmc.firstPort",
      value: bmc.firstPort,
      message: `is too high: the nodes' BMCs need the ports up to ${last}`,
    },
  ];
}

/** Rules that involve this machine's files: environment files are read when the program runs. */
export async function checkEnvironmentFiles({
  environmentFiles,
}: Pick<OvercloudSettings, "environmentFiles">): Promise<Problem[]> {
  const problems = await Promise.all(
    environmentFiles.map(async (file, index): Promise<Problem[]> => {
      const key = `overcloud.environmentFiles.${index}`;
      const found = await stat(file).catch(() => undefined);
      if (!found?.isFile()) return [{ key, value: file, message: "is no file" }];
      const readable = await access(file, constants.R_OK).then(
        () => true,
        () => false,
      );
      return readable ? [] : [{ key, value: file, message: "can't be read" }];
    }),
  );
  return problems.flat();
}

function checkVersion({ distribution, release, version }: OvercloudSettings): Problem[] {
  if (version === undefined) return [];
  const key = "overcloud.version";
  if (distribution !== "rhel") {
    return [
      {
        key,
        value: version,
        message: "is for overcloud.distribution rhel only; overcloud.release is what rdo goes by",
        involves: ["overcloud.distribution"],
      },
    ];
  }
  const versions = productVersions(release);
  if (versions.includes(version)) return [];
  return [
    {
      key,
      value: version,
      message: `is not made from ${release}, which ${versions.join(", ")} ${versions.length === 1 ? "is" : "are"}`,
      involves: ["overcloud.release"],
    },
  ];
}
