import type * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";

/** Files by absolute path in a container. All of them are secret. */
export type Files = Record<string, string>;

/**
 * Files for a container, as the docker provider takes them: copied in before it starts, readable by root alone.
 * Their contents are secret in Pulumi's state and appear neither in the container's environment nor on a host's disk.
 */
export function uploads(
  files: pulumi.Output<Files>,
): pulumi.Output<docker.types.input.ContainerUpload[]> {
  return pulumi.secret(
    files.apply((contents) =>
      Object.entries(contents).map(([file, content]) => ({ file, content, permissions: "0600" })),
    ),
  );
}
