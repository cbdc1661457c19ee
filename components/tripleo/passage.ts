import { createHash } from "node:crypto";
import { join } from "node:path";
import { execa } from "execa";
import { addressAt } from "../../config/addresses.ts";
import type { Settings } from "../../config/schema.ts";
import type { ComputeConnection } from "../compute/connection.ts";
import { planTopology } from "../libvirt/plan.ts";
import { selects } from "../overcloud/steps.ts";
import { PROJECT_DIRECTORY } from "../project.ts";
import { type StepRun } from "../step/step.ts";

/** The program in the image of the computes, which this machine runs as well. */
const PROGRAM = "/usr/lib/overcloud/bin/passage";
const HERE = join("images/openstack/rootfs", PROGRAM);

/** What the program is started with to keep the passage up. */
export const KEEP_PASSAGE = [PROGRAM, "keep"];

/** Characters that the kernel takes as the name of a chain. */
const LONGEST_CHAIN = 28;

/** The overcloud's networks, and the gateway that simulated computes' tunnels have to them: this machine. */
export function tunnelRoutes({
  libvirt,
  network,
}: Pick<Settings, "libvirt" | "network">): NonNullable<ComputeConnection["tunnelRoutes"]> {
  return {
    networks: Object.values(libvirt.vlans).map(({ cidr }) => cidr),
    gateway: addressAt(network.tunnelCidr, 1),
  };
}

/**
 * The way between simulated computes and the overcloud's networks on this machine, as variables of the program that makes,
 * checks and removes it: routes, an address, rules.
 * @returns undefined where no such way is needed
 */
export function planPassage(
  settings: Settings,
  stack: string,
): Readonly<Record<string, string>> | undefined {
  const { controlPlane, computes, names, network, libvirt } = settings;
  if (controlPlane !== "tripleo" || computes === 0) return undefined;
  if (!selects(settings, "simulate_compute_node")) return undefined;
  const { networks, gateway } = tunnelRoutes(settings);
  return {
    OVERCLOUD_STACK: stack,
    OVERCLOUD_CHAIN: chainOf(stack),
    OVERCLOUD_NETWORK: network.cidr,
    OVERCLOUD_BRIDGE_ADDRESS: addressAt(network.cidr, 1),
    OVERCLOUD_TUNNEL_NETWORK: network.tunnelCidr,
    OVERCLOUD_TUNNEL_GATEWAY: `${gateway}/${network.tunnelCidr.split("/")[1]}`,
    OVERCLOUD_FAR_NETWORKS: networks.join(" "),
    OVERCLOUD_ROUTER: planTopology(libvirt, names, stack).nodes[0]?.external.address ?? "",
  };
}

function chainOf(stack: string): string {
  const whole = `OVERCLOUD-${stack}`;
  if (whole.length <= LONGEST_CHAIN) return whole;
  const hash = createHash("sha256").update(stack).digest("hex").slice(0, 8);
  return `${whole.slice(0, LONGEST_CHAIN - 9)}-${hash}`;
}

/** The program's run on this machine, as a step has it. */
export function runPassage(
  verb: "set" | "remove",
  environment: Readonly<Record<string, string>>,
): StepRun {
  return { argv: ["sh", HERE, verb], environment, timeoutSeconds: 60 };
}

/**
 * Looks at the machine and changes nothing.
 * @returns in words what is not there of the passage that these settings need
 */
export async function missingPassage(settings: Settings, stack: string): Promise<string[]> {
  const environment = planPassage(settings, stack);
  if (!environment) return [];
  const { stdout } = await execa("sh", [HERE, "check"], {
    cwd: PROJECT_DIRECTORY,
    env: environment,
    stdin: "ignore",
    timeout: 10_000,
  });
  return stdout.split("\n").filter(Boolean);
}
