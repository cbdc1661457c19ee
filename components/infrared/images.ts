import { pathToFileURL } from "node:url";
import type { InfraredSettings } from "../../config/infrared.ts";
import { imagesTaskOf, repositoryUrlOf, type UndercloudTarget } from "./target.ts";

/** Images of the overcloud that are downloaded here and copied to the undercloud. */
export interface ImagesPlan {
  names: string[];
  /** Folder that they are downloaded from; undefined if the hash of the repository decides. */
  url?: string | undefined;
  /** Where the hash is looked up: repository file, and folder of the images without the hash. */
  byHash?: { repository: string; images: string } | undefined;
  checksums: Record<string, string>;
  cache?: string | undefined;
  /** Folder on the undercloud. */
  target: string;
  /** The same as the undercloud's own URL. */
  targetUrl: string;
}

/** From this release on, the overcloud's image is a whole disk. */
const WHOLE_DISK_SINCE = 17;

/** undefined if nothing is to be downloaded: images come from elsewhere, or nobody said where from. */
export function localImages(
  settings: InfraredSettings,
  target: UndercloudTarget,
): ImagesPlan | undefined {
  const { images, undercloud } = settings;
  if (imagesTaskOf(settings, target) !== "import" || undercloud.imagesUrl !== undefined) {
    return undefined;
  }
  if (images.url === undefined && target.distribution === "rhel") return undefined;
  const overcloud =
    target.number >= WHOLE_DISK_SINCE ? "overcloud-hardened-uefi-full.qcow2" : "overcloud-full.tar";
  return {
    names: images.names.length > 0 ? images.names : ["ironic-python-agent.tar", overcloud],
    ...(images.url === undefined
      ? {
          byHash: {
            repository: `${repositoryUrlOf(settings, target)}/${images.tag}/delorean.repo`,
            images: imagesFolderOf(target),
          },
        }
      : { url: images.url.replace(/\/$/, "") }),
    checksums: images.checksums,
    cache: images.cache,
    target: images.target,
    targetUrl: pathToFileURL(images.target).href,
  };
}

function imagesFolderOf({ release }: UndercloudTarget): string {
  const system = release === "wallaby" ? "centos8/" : "";
  return `https://images.rdoproject.org/${system}${release}/rdo_trunk`;
}
