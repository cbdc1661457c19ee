import * as command from "@pulumi/command";
import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import type { DockerHost } from "../../config/hosts.ts";
import { stepCommand } from "../step/step.ts";

export interface DockerHostsArgs {
  /** All of the stack's, this machine first. */
  hosts: readonly DockerHost[];
  /** Image that computes are made of, on this machine. */
  imageId: pulumi.Input<string>;
  /** Folder of the stack's logs and locks. */
  directory: string;
  /** Changes when the hosts have to be looked at again; see components/upkeep. */
  epoch: string;
}

/** How containers are made on one docker host. */
export interface Place {
  /** Absent for this machine, which Pulumi reaches without being told. */
  provider?: docker.Provider;
  /** What has to be there before. */
  dependsOn: pulumi.Resource[];
}

/** Minutes for an image of one and a half gigabytes on a slow way. */
const IMAGE_TIMEOUT_SECONDS = 3600;

/** The docker hosts besides this machine: a provider for each, and the image, which is removed with the stack. */
export class DockerHosts extends pulumi.ComponentResource {
  readonly #places: ReadonlyMap<string, Place>;

  constructor(name: string, args: DockerHostsArgs, options?: pulumi.ComponentResourceOptions) {
    super("overcloud:index:DockerHosts", name, {}, options);
    const others = args.hosts.slice(1);
    this.#places = new Map(others.map((host) => [host.name, this.#place(host, args)]));
    this.registerOutputs({});
  }

  /** Where to make the containers of a compute that is on this host. */
  placeOf(host: DockerHost | undefined): Place {
    return this.#places.get(host?.name ?? "") ?? { dependsOn: [] };
  }

  #place(host: DockerHost, { imageId, directory, epoch }: DockerHostsArgs): Place {
    const { name, docker: address, certificates } = host;
    const provider = new docker.Provider(
      `docker-${name}`,
      {
        ...(address !== undefined && { host: address }),
        ...(certificates !== undefined && { certPath: certificates }),
      },
      { parent: this },
    );
    const engine = { docker: address, certificates };
    // Not a Step: the image of before is removed last of all, when no container is made of it any more.
    const image = new command.local.Command(
      `image-on-${name}`,
      stepCommand(`image-on-${name}`, {
        directory,
        run: {
          action: "docker-hosts/bring-image",
          args: { name, engine },
          timeoutSeconds: IMAGE_TIMEOUT_SECONDS,
        },
        remove: pulumi.output(imageId).apply((id) => ({
          action: "docker-hosts/remove-image",
          args: { name, engine, imageId: id },
        })),
        input: imageId,
        replaceOn: [imageId],
        rerunOn: [epoch],
      }),
      { parent: this },
    );
    return { provider, dependsOn: [image] };
  }
}
