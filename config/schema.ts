import { z } from "zod";
import { boolean, choice, cidr, integer, NAME_PATTERN } from "./fields.ts";
import { hostsSchema } from "./hosts.ts";
import { infraredSchema } from "./infrared.ts";
import { libvirtSchema } from "./libvirt.ts";
import { playbooksSchema } from "./playbooks.ts";
import { baremetalSchema, standaloneSchema } from "./standalone.ts";
import { confirmSchema, overcloudSchema, skipSchema, stepsSchema } from "./overcloud.ts";

/** Seconds between two reports of a compute where nothing else is asked for: nova's own default. */
export const REPORT_INTERVAL_SECONDS = 10;

/** The most computes one stack takes: a Linux bridge has 1024 ports, the control plane and the host need some. */
export const MAX_COMPUTES = 1000;

const port = integer(1, 65535);

/** Every key of the stack's configuration. Ranges are checked here, what involves several keys or the host in rules.ts. */
export const settingsSchema = z.strictObject({
  /** What answers the OpenStack APIs. */
  controlPlane: choice("standalone", "tripleo").default("standalone"),
  /** Number of simulated computes. */
  computes: integer(0, MAX_COMPUTES).default(3),
  /** Networking of the computes: OVN, or neutron's Open vSwitch agent. */
  networking: choice("ovn", "ovs").default("ovn"),
  compute: z
    .strictObject({
      /** Virtual CPUs that each compute reports. */
      vcpus: integer(1, 4096).default(32),
      /** Memory that each compute reports, in MiB. */
      memoryMb: integer(512, 64 * 1024 * 1024).default(131072),
      /** Disk that each compute reports, in GiB. */
      diskGb: integer(1, 1024 * 1024).default(2000),
      /** Seconds a simulated guest takes to boot after its ports are wired. */
      bootDelaySeconds: integer(0, 3600).default(0),
      /**
       * What the computes' Python services share of their memory: nothing, what they have when they are forked from one
       * parent, or that and whatever is equal by chance.
       */
      sharing: choice("none", "forked", "merged").default("none"),
      /**
       * With OVN, how many computes, in the order of their indices, have tunnels to each other: one of OVN's transport zones.
       * Absent: all have. Packets between two zones are lost, whatever networks the servers are on.
       */
      transportZoneSize: integer(2, 1000).optional(),
      /**
       * Seconds between two heartbeats of a nova service or a networking agent. Above 10 a compute looks through its resources less
       * often as well: every six of them, instead of every minute.
       */
      reportIntervalSeconds: integer(1, 3600).default(REPORT_INTERVAL_SECONDS),
      /** Seconds without a heartbeat after which a service counts as down. */
      downTimeSeconds: integer(2, 86400).default(60),
    })
    .prefault({}),
  /** What happens to servers on a compute that is removed. */
  scaleDown: choice("refuse", "evacuate", "delete").default("refuse"),
  network: z
    .strictObject({
      /** The stack's docker network; the host has its first address. */
      cidr: cidr.default("10.79.0.0/20"),
      /** Where the computes' tunnels end: addresses inside their containers, on the same wire as `cidr`. */
      tunnelCidr: cidr.default("10.79.16.0/20"),
      /** The subnet of the cloud's first network, carried in tunnels between the computes. */
      tenantCidr: cidr.default("10.100.0.0/16"),
    })
    .prefault({}),
  ports: z
    .strictObject({
      keystone: port.default(5000),
      placement: port.default(8778),
      glance: port.default(9292),
      neutron: port.default(9696),
      nova: port.default(8774),
    })
    .prefault({}),
  /** Whether a standalone cloud's APIs speak TLS, with certificates of the stack's own authority. */
  tls: boolean.default(false),
  /** Docker engines that take the computes. */
  hosts: hostsSchema,
  /** Where a standalone control plane runs. */
  standalone: standaloneSchema,
  /** Number of machines beside a standalone cloud that have nothing on them and are switched by their BMCs. */
  baremetal: baremetalSchema,
  /** Networks and virtual machines. */
  libvirt: libvirtSchema,
  /** The tool that installs its undercloud. */
  infrared: infraredSchema,
  /** What is deployed on it. */
  overcloud: overcloudSchema,
  steps: stepsSchema,
  skip: skipSchema,
  confirm: confirmSchema,
  /** Playbooks that are run against the cloud. */
  playbooks: playbooksSchema,
  /** Prefix of the names of everything the stack makes. */
  names: z.string({ error: "must be a name" }).regex(NAME_PATTERN, {
    error: "must be 1 to 40 lower-case letters, digits and dashes, starting with a letter",
  }),
});

/** The stack's settings, parsed and with defaults applied. Immutable. */
export type Settings = Readonly<z.output<typeof settingsSchema>>;
export type Networking = Settings["networking"];
export type Sharing = Settings["compute"]["sharing"];
export type ApiName = keyof Settings["ports"];
