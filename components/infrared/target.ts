import type { InfraredSettings } from "../../config/infrared.ts";
import type { Settings } from "../../config/schema.ts";
import { factsOf } from "../overcloud/release.ts";

/** What is installed: decides which options there are, and which are needed. */
export interface UndercloudTarget {
  distribution: "rdo" | "rhel";
  release: "queens" | "rocky" | "stein" | "train" | "wallaby";
  /** The release as a number, 13 for queens to 17 for wallaby. */
  number: number;
  /** Exact version of rhel, such as 16.2. Default: the number. */
  version?: string | undefined;
  /** Network of the provisioning interface, when it is another than the one that Infrared assumes. */
  provisioningCidr?: string | undefined;
}

/** Where the images of the overcloud come from. */
export function imagesTaskOf(
  { undercloud }: InfraredSettings,
  { distribution }: UndercloudTarget,
): "rpm" | "import" | "build" {
  return undercloud.imagesTask ?? (distribution === "rhel" ? "rpm" : "import");
}

/** Where rdo's repository files of a release are, where Infrared's own list does not say. */
export function repositoryUrlOf(
  { images }: InfraredSettings,
  { release }: UndercloudTarget,
): string {
  const system = release === "wallaby" ? "centos8" : "centos7";
  return images.repositoryUrl ?? `https://trunk.rdoproject.org/${system}-${release}`;
}

/** What the settings say about the undercloud. */
export function undercloudTarget({
  overcloud,
  libvirt,
}: Pick<Settings, "overcloud" | "libvirt">): UndercloudTarget {
  const { distribution, release, version } = overcloud;
  return {
    distribution,
    release,
    number: factsOf(release).number,
    ...(version !== undefined && { version }),
    provisioningCidr: libvirt.networks.provisioning.cidr,
  };
}
