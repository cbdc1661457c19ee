import type { Microversions } from "../access/documents.ts";

/** Releases of TripleO that the pipeline knows, oldest first. */
export const RELEASES = ["queens", "rocky", "stein", "train", "wallaby"] as const;
export type Release = (typeof RELEASES)[number];

/** Releases whose nova-compute images/compute makes an image of: a nova-compute is never newer than its control plane. */
export const COMPUTE_RELEASES = ["train", "wallaby"] as const;
export type ComputeRelease = (typeof COMPUTE_RELEASES)[number];

/** The release of which simulated computes can be in an overcloud of this one; undefined if none is made. */
export function computeReleaseOf(release: Release): ComputeRelease | undefined {
  return COMPUTE_RELEASES.find((each) => each === release);
}

/** What differs between releases. */
export interface ReleaseFacts {
  release: Release;
  /** Major version of the Red Hat product made from it. */
  number: 13 | 14 | 15 | 16 | 17;
  containerEngine: "docker" | "podman";
  /** Who puts the overcloud's servers onto nodes: the undercloud's nova, or metalsmith before the deployment. */
  nodesBy: "nova" | "metalsmith";
  /** Who logs in to deployed nodes. */
  overcloudUser: "heat-admin" | "tripleo-admin";
}

const NUMBERS: Record<Release, ReleaseFacts["number"]> = {
  queens: 13,
  rocky: 14,
  stein: 15,
  train: 16,
  wallaby: 17,
};

/** Versions of the Red Hat product made from a release; the first stands for the release where none is named. */
const PRODUCT_VERSIONS: Record<Release, readonly [string, ...string[]]> = {
  queens: ["13"],
  rocky: ["14"],
  stein: ["15"],
  train: ["16.2", "16.1", "16"],
  wallaby: ["17.1", "17"],
};

export function factsOf(release: Release): ReleaseFacts {
  const number = NUMBERS[release];
  return {
    release,
    number,
    containerEngine: number >= 15 ? "podman" : "docker",
    nodesBy: number >= 17 ? "metalsmith" : "nova",
    overcloudUser: number >= 17 ? "tripleo-admin" : "heat-admin",
  };
}

/** The newest versions that a release's nova and placement speak, as their own histories of their APIs have them. */
const MICROVERSIONS: Record<Release, Microversions> = {
  queens: { compute: "2.60", placement: "1.17" },
  rocky: { compute: "2.65", placement: "1.30" },
  stein: { compute: "2.72", placement: "1.31" },
  train: { compute: "2.79", placement: "1.36" },
  wallaby: { compute: "2.88", placement: "1.36" },
};

export function microversionsOf(release: Release): Microversions {
  return MICROVERSIONS[release];
}

/** The versions that `overcloud.version` may name, the default first. */
export function productVersions(release: Release): readonly [string, ...string[]] {
  return PRODUCT_VERSIONS[release];
}
