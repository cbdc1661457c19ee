import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import type { Networking, Settings, Sharing } from "../../config/schema.ts";
import { NO_NEW_PRIVILEGES, onlyCapabilities } from "../container/confinement.ts";
import { asSet } from "../container/sets.ts";
import { uploads, type Files } from "../container/uploads.ts";
import { digest } from "../digest.ts";
import { renderIni } from "../ini.ts";
import { COMPUTE_PARENT_NAME, labelList, labelsOf } from "../names.ts";
import { novaIntervals } from "./intervals.ts";

export interface ComputeParentArgs {
  settings: Settings;
  /** Stack that everything is labelled with. */
  stack: string;
  imageId: pulumi.Input<string>;
  /** What the computes are configured with, by absolute path in their containers. All of it is secret. */
  files: pulumi.Output<Files>;
  /** Name of the docker host that it is on. Default: this machine. */
  machine?: string;
}

/** What a compute's container may do: move packets, and hand files and priorities to its own processes. */
export const COMPUTE_CAPABILITIES = ["NET_ADMIN", "NET_RAW", "SYS_NICE", "DAC_OVERRIDE"];

/** Where the parent's volume is, in its own container and in the computes'. */
const SHARED = "/run/overcloud-parent";

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
 * Beside them is what computes are configured with: the same files in each container took a third of its part of Pulumi's
 * state, and docker a process of its own to copy them.
 */
export class ComputeParent extends pulumi.ComponentResource {
  /** How a compute's container gets to the sockets and files; it can't put others in their place. */
  readonly mount: docker.types.input.ContainerVolume;
  /** What a compute's start script needs to know besides. Other files are another value, which tells nothing of them. */
  readonly environment: pulumi.Output<string[]>;

  constructor(
    name: string,
    { settings, stack, imageId, files, machine }: ComputeParentArgs,
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
    const volume = { volumeName: sockets.name, containerPath: SHARED };
    // Each version has a folder of its own, so that a compute never starts with the next one's.
    const folder = pulumi
      .unsecret(files)
      .apply((contents) => `${SHARED}/${digest([JSON.stringify(contents)])}`);
    this.environment = folder.apply((each) => [`OVERCLOUD_FILES=${each}`]);
    new docker.Container(
      resource,
      {
        name: containerName,
        hostname: COMPUTE_PARENT_NAME,
        image: imageId,
        entrypoints: ["/usr/lib/overcloud/bin/compute-parent"],
        envs: this.environment.apply((own) =>
          asSet([...sharingEnvironment(networking, compute.sharing), ...own]),
        ),
        networkMode: "none",
        pidMode: "host",
        cgroupnsMode: "host",
        // Nova takes some intervals when it is imported, which happens here. It reads nothing of the computes' files.
        uploads: uploads(
          pulumi.all([files, folder]).apply(([contents, prefix]): Files => ({
            "/etc/nova/nova.conf.d/50-stack.conf": renderIni(novaIntervals(compute)),
            ...below(prefix, contents),
          })),
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

/** The same files, at the same paths in another folder. */
function below(folder: string, files: Files): Files {
  return Object.fromEntries(
    Object.entries(files).map(([file, content]) => [folder + file, content]),
  );
}
