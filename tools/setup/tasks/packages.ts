import { aptInstall } from "../apt.ts";
import type { Context } from "../context.ts";
import type { Task } from "../graph.ts";
import { isDebianLike, readText, which } from "../host.ts";
import { SetupError } from "../report.ts";
import { dockerVersion } from "./docker.ts";
import { libvirtVersion } from "./libvirt.ts";
import { pythonHas } from "./virtualbmc.ts";

/** Commands of which one has to be there, and the Debian package that brings it. */
interface Need {
  /** Empty for what is no command, which `unless` looks for. */
  readonly anyOf: readonly string[];
  readonly package: string;
  /** For distributions whose package of that name does not bring the command: a second one. */
  readonly otherwise?: string;
  /** Not needed where this answers; a daemon that runs, for one, from wherever it came. */
  readonly unless?: () => Promise<string | undefined>;
}

const needs: readonly Need[] = [
  // Debian 12 and Ubuntu have the client in docker.io, Debian 13 by itself.
  { anyOf: ["docker"], package: "docker.io", otherwise: "docker-cli" },
  { anyOf: ["dockerd"], package: "docker.io", unless: dockerVersion },
  // With AppArmor in the kernel, docker starts no container before its profile is loaded.
  { anyOf: ["apparmor_parser"], package: "apparmor", unless: withoutAppArmor },
  { anyOf: ["virsh"], package: "libvirt-clients" },
  { anyOf: ["libvirtd", "virtqemud"], package: "libvirt-daemon-system", unless: libvirtVersion },
  { anyOf: ["qemu-system-x86_64"], package: "qemu-system-x86" },
  { anyOf: ["qemu-img"], package: "qemu-utils" },
  { anyOf: ["mmdebstrap"], package: "mmdebstrap" },
  { anyOf: ["iptables"], package: "iptables" },
  { anyOf: ["dnsmasq"], package: "dnsmasq-base" },
  { anyOf: ["ip"], package: "iproute2" },
  // Makes cloud-init disks; genisoimage brings this name as a link.
  { anyOf: ["mkisofs"], package: "genisoimage" },
  { anyOf: ["xsltproc"], package: "xsltproc" },
  { anyOf: ["ssh"], package: "openssh-client" },
  { anyOf: ["ipmitool"], package: "ipmitool" },
  // Makes certificates for the tests' second docker engine.
  { anyOf: ["openssl"], package: "openssl" },
  { anyOf: [], package: "python3-libvirt", unless: () => pythonHas("libvirt") },
  { anyOf: [], package: "python3-venv", unless: () => pythonHas("ensurepip") },
];

function withoutAppArmor(): Promise<string | undefined> {
  const enabled = readText("/sys/module/apparmor/parameters/enabled").startsWith("Y");
  return Promise.resolve(enabled ? undefined : "not enabled in this kernel");
}

/** The needs that nothing on this machine meets. */
export async function missingNeeds(
  list: readonly Need[] = needs,
  find: (command: string) => string | undefined = which,
): Promise<Need[]> {
  const missing: Need[] = [];
  for (const need of list) {
    if (need.anyOf.some((command) => find(command) !== undefined)) continue;
    if ((await need.unless?.()) === undefined) missing.push(need);
  }
  return missing;
}

/** Commands of the distribution: docker, libvirt, QEMU and their helpers. */
export function packagesTask(context: Context): Task {
  return {
    name: "packages",
    needs: [],
    done: async () => ((await missingNeeds()).length === 0 ? "" : undefined),
    run: async () => {
      const missing = await missingNeeds();
      const packages = [...new Set(missing.map((need) => need.package))];
      if (!isDebianLike()) {
        throw new SetupError(
          `${nothingBrings(missing)} Only Debian's packages are known here: install them by your distribution's means.`,
        );
      }
      await aptInstall(context, "packages", packages);
      const more = (await missingNeeds(missing)).flatMap((need) => need.otherwise ?? []);
      if (more.length > 0) await aptInstall(context, "packages", more);
      const still = await missingNeeds(missing);
      if (still.length > 0) throw new SetupError(nothingBrings(still));
      return [...packages, ...more].join(" ");
    },
  };
}

function nothingBrings(needs: readonly Need[]): string {
  const commands = needs.map((need) => need.anyOf.join(" or ") || need.package);
  return `Missing on this machine: ${commands.join(", ")}.`;
}
