import { addressAt } from "../../config/addresses.ts";
import type { InfraredSettings } from "../../config/infrared.ts";
import { localImages } from "./images.ts";
import { imagesTaskOf, repositoryUrlOf, type UndercloudTarget } from "./target.ts";

/** Infrared's template of undercloud.conf has this network written into it. */
const ASSUMED_CIDR = "192.168.24.0/24";

/** Where the undercloud finds the images; undefined if it needs to be told and is not. */
export function imagesUrlOf(
  settings: InfraredSettings,
  target: UndercloudTarget,
): string | undefined {
  return settings.undercloud.imagesUrl ?? localImages(settings, target)?.targetUrl;
}

/** Where the step finds files that it writes or reads. */
export interface UndercloudFiles {
  inventory: string;
  vars: string;
}

/**
 * Arguments of `infrared` that install the undercloud. Each option is one word, so that no value is taken for an option.
 * Nothing secret is among them, because process lists and Infrared's own logs show them: what undercloudVars returns,
 * and secrets, go into the file `vars`.
 */
export function undercloudArgv(
  settings: InfraredSettings,
  target: UndercloudTarget,
  files: UndercloudFiles,
): string[] {
  const { undercloud } = settings;
  const { registry } = undercloud;
  const rhel = target.distribution === "rhel";
  const options: [string, string | boolean | undefined][] = [
    ["version", rhel ? (target.version ?? String(target.number)) : target.release],
    ["inventory", files.inventory],
    ["images-task", imagesTaskOf(settings, target)],
    ["images-url", imagesUrlOf(settings, target)],
    ["registry-mirror", registry.mirror],
    ["registry-namespace", registry.namespace],
    ["registry-tag", registry.tag],
    ["registry-username", registry.username],
    ["registry-undercloud-skip", registry.undercloudSkip],
    ["enable-testing-repos", rhel ? (undercloud.enableTestingRepos ?? "all") : undefined],
    ["build", undercloud.build],
    ["cdn", undercloud.cdnFile],
    ["repos-urls", undercloud.reposUrls.join(",") || undefined],
    ["repos-skip-release", undercloud.reposSkipRelease || undefined],
    // Its default is a host of Red Hat's own network.
    ["ntp-server", undercloud.ntpServers.join(",")],
    ["overcloud-domain", undercloud.domain],
    ["config-file", undercloud.configFile],
    ["ssl", undercloud.ssl],
    ["selinux", undercloud.selinux],
    ...Object.entries(configOptions(settings, target)).map(([key, value]): [string, string] => [
      "config-options",
      `${key}=${value}`,
    ]),
    ["extra-vars", `@${files.vars}`],
    ["ansible-args", ansibleArgs(undercloud.skipTags)],
    // Without it, all variables are printed, passwords too.
    ["output", "/dev/null"],
  ];
  return [
    "tripleo-undercloud",
    ...(undercloud.verbosity > 0 ? [`-${"v".repeat(undercloud.verbosity)}`] : []),
    ...options.flatMap(([name, value]) => {
      if (value === undefined) return [];
      return `--${name}=${typeof value === "boolean" ? (value ? "yes" : "no") : value}`;
    }),
    ...undercloud.extraArgs,
  ];
}

function ansibleArgs(skipTags: readonly string[]): string | undefined {
  return skipTags.length === 0 ? undefined : `skip-tags=${skipTags.join(",")}`;
}

/** What undercloud.conf has to say, the user's words last. */
function configOptions(
  { undercloud }: InfraredSettings,
  { provisioningCidr = ASSUMED_CIDR }: UndercloudTarget,
): Record<string, string | number | boolean> {
  return {
    "DEFAULT.enable_telemetry": "false",
    ...(undercloud.nameservers.length > 0 && {
      "DEFAULT.undercloud_nameservers": undercloud.nameservers.join(","),
    }),
    ...(provisioningCidr !== ASSUMED_CIDR && provisioningOptions(provisioningCidr)),
    ...undercloud.configOptions,
  };
}

/** The highest of the places in the provisioning network that the undercloud gives out. */
export const HIGHEST_PLACE = 120;

/** The same places in another network. */
function provisioningOptions(cidr: string): Record<string, string> {
  const at = (place: number) => addressAt(cidr, place);
  return {
    "DEFAULT.local_ip": `${at(1)}/${cidr.split("/")[1]}`,
    "DEFAULT.undercloud_public_host": at(2),
    "DEFAULT.undercloud_admin_host": at(3),
    "ctlplane-subnet.cidr": cidr,
    "ctlplane-subnet.dhcp_start": at(5),
    "ctlplane-subnet.dhcp_end": at(55),
    "ctlplane-subnet.gateway": at(1),
    "ctlplane-subnet.inspection_iprange": `${at(100)},${at(HIGHEST_PLACE)}`,
  };
}

/** Variables of Infrared's playbooks that no option sets; not secret. */
export function undercloudVars(
  settings: InfraredSettings,
  target: UndercloudTarget,
): Record<string, unknown> {
  const { undercloud, images } = settings;
  const { distribution, release, number } = target;
  if (distribution === "rhel") return { ...undercloud.extraVars };
  const url = repositoryUrlOf(settings, target);
  // Infrared knows CentOS 7's repositories, the last of which are train's.
  const ownList = images.repositoryUrl === undefined && release !== "wallaby";
  return {
    rr_use_public_repos: true,
    rr_release_name: release,
    ...(!ownList && {
      rr_rdo_repos: {
        default: {
          delorean: { url: `${url}/${images.tag}/delorean.repo` },
          delorean_deps: { url: `${url}/delorean-deps.repo` },
        },
      },
    }),
    // The template of undercloud.conf asks for it from rocky on, and Infrared sets it for rhel only.
    ...(number >= 14 && { insecure_registry_hosts: undercloud.registry.insecure }),
    ...undercloud.extraVars,
  };
}
