import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import type { Networking, Settings, Sharing } from "../../config/schema.ts";
import { NO_NEW_PRIVILEGES, onlyCapabilities } from "../container/confinement.ts";
import { asSet } from "../container/sets.ts";
import { uploads, type Files } from "../container/uploads.ts";
import { renderIni } from "../ini.ts";
import { COMPUTE_PARENT_NAME, labelList, labelsOf } from "../names.ts";
import { novaIntervals } from "./intervals.ts";

export interface ComputeParentArgs {
  settings: Settings;
  /** Stack that everything is labelled with. */
  stack: string;
  imageId: pulumi.Input<string>;
  /** Name of the docker host that it is on. Default: this machine. */
  machine?: string;
}

/** What a compute's container may do: move packets, and hand files and priorities to its own processes. */
export const COMPUTE_CAPABILITIES = ["NET_ADMIN", "NET_RAW", "SYS_NICE", "DAC_OVERRIDE"];

/** Where the parent's sockets are, in its own container and in the computes'. */
const SOCKETS = "/run/overcloud-parent";

/** Seconds that a parent gets to stop; what was forked from it goes on without. */
const GRACE_SECONDS = 5;

/** What the start scripts of a compute and of the parent need to know. */
export function sharingEnvironment(networking: Networking, sharing: Sharing): string[] {
  return [
    `OVERCLOUD_NETWORKING=${networking}`,
    ...(sharing === "none" ? [] : [`OVERCLOUD_SHARING=${sharing}`]),
  ];
}

/**
 * The container whose processes the Python services of the stack's computes are forked from. It sees the machine's
 * processes and enters other containers, so it has no network, and its sockets are reached by this stack's computes alone.
 */
export class ComputeParent extends pulumi.ComponentResource {
  /** How a compute's container gets to the sockets; it can't put others in their place. */
  readonly mount: docker.types.input.ContainerVolume;

  constructor(
    name: string,
    { settings, stack, imageId, machine }: ComputeParentArgs,
    options?: pulumi.ComponentResourceOptions,
  ) {
    super("overcloud:index:ComputeParent", name, {}, options);
    const { names, networking, compute } = settings;
    const labels = labelList(labelsOf(stack, { role: COMPUTE_PARENT_NAME }));
    const containerName = `${names}-${COMPUTE_PARENT_NAME}`;
    const resource = COMPUTE_PARENT_NAME + (machine === undefined ? "" : `-on-${machine}`);
    const sockets = new docker.Volume(
      `${resource}-sockets`,
      { name: containerName, labels },
      { parent: this, deleteBeforeReplace: true },
    );
    const volume = { volumeName: sockets.name, containerPath: SOCKETS };
    new docker.Container(
      resource,
      {
        name: containerName,
        hostname: COMPUTE_PARENT_NAME,
        image: imageId,
        entrypoints: ["/usr/lib/overcloud/bin/compute-parent"],
        envs: asSet(sharingEnvironment(networking, compute.sharing)),
        networkMode: "none",
        pidMode: "host",
        cgroupnsMode: "host",
        // Nova takes some intervals when it is imported, which happens here. Nothing else of the computes' files, which hold credentials.
        uploads: uploads(
          pulumi.output<Files>({
            "/etc/nova/nova.conf.d/50-stack.conf": renderIni(novaIntervals(compute)),
          }),
        ),
        volumes: [volume, { hostPath: "/sys/fs/cgroup", containerPath: "/host/cgroup" }],
        // A compute's are what a fork is left with; the others are to enter a container, to read whose it is, and to give up the rest.
        capabilities: onlyCapabilities(
          ...COMPUTE_CAPABILITIES,
          ...["SETPCAP", "SYS_ADMIN", "SYS_CHROOT", "SYS_PTRACE"],
        ),
        // Docker adds the second by itself to whatever sees the machine's processes.
        securityOpts: asSet([...NO_NEW_PRIVILEGES, "label=disable"]),
        restart: "unless-stopped",
        destroyGraceSeconds: GRACE_SECONDS,
        logDriver: "json-file",
        logOpts: { "max-size": "5m", "max-file": "2" },
        labels,
        mustRun: true,
      },
      { parent: this, deleteBeforeReplace: true },
    );
    this.mount = { ...volume, readOnly: true };
    this.registerOutputs({});
  }
}
