import type { Settings } from "../../config/schema.ts";
import type { ComputeConnection } from "../compute/connection.ts";
import { novaIntervals } from "../compute/intervals.ts";
import { simulationOf, SIMULATED_DRIVER } from "../compute/simulation.ts";
import { renderIni } from "../ini.ts";
import type { Harvest } from "./harvest.ts";
import { tunnelRoutes } from "./passage.ts";

/**
 * What a simulated compute is given of a real one: its configuration as it is, and after it, where oslo.config lets later
 * files win, what is different here. Pure.
 * @throws Error if the overcloud's networking is another than the settings'
 */
export function connectionOf(
  settings: Pick<Settings, "compute" | "networking" | "libvirt" | "network">,
  harvest: Harvest,
): ComputeConnection {
  const { compute, networking } = settings;
  if (networking === "ovn" && harvest.ovnRemote === "") {
    throw new Error(
      "networking is ovn, but the overcloud's compute runs the Open vSwitch agent: set networking to ovs",
    );
  }
  if (networking === "ovs" && harvest.agent === "") {
    throw new Error(
      "networking is ovs, but the overcloud's compute has no openvswitch_agent.ini: set networking to ovn",
    );
  }
  const intervals = novaIntervals(compute);
  return {
    nova: {
      "/etc/nova/nova.conf.d/40-overcloud.conf": impersonal(harvest.nova),
      "/etc/nova/nova.conf.d/50-stack.conf": renderIni({
        DEFAULT: {
          compute_driver: SIMULATED_DRIVER,
          ...intervals.DEFAULT,
          ...OWN_PLACES,
        },
        compute: intervals.compute,
        oslo_concurrency: { lock_path: "/var/lock/nova" },
        vnc: { enabled: false },
        simulation: simulationOf(compute),
      }),
    },
    agent: {
      "/etc/neutron/neutron.conf.d/40-overcloud.conf": impersonal(
        `${harvest.neutron}${harvest.agent}`,
      ),
      "/etc/neutron/neutron.conf.d/50-stack.conf": renderIni({
        DEFAULT: OWN_PLACES,
        oslo_concurrency: { lock_path: "/var/lock/neutron" },
        // Bridges of the real compute's own network cards are not here.
        ovs: {
          bridge_mappings: "",
          datapath_type: "netdev",
          ovsdb_connection: "unix:/run/openvswitch/db.sock",
        },
        agent: { root_helper: "", report_interval: compute.reportIntervalSeconds },
        securitygroup: { firewall_driver: "noop", enable_security_group: false },
      }),
    },
    ...(networking === "ovn" && { ovnRemote: harvest.ovnRemote }),
    tunnelRoutes: tunnelRoutes(settings),
    hosts: hostsOf(harvest.hosts),
  };
}

/** A container logs to its output. */
const OWN_PLACES = { use_stderr: true, log_dir: "", log_file: "", use_journal: false };

/** Options that name the real compute; the simulated one has a name and an address of its own. */
const PERSONAL = new Set(["host", "my_ip", "my_block_storage_ip"]);

/** Without what is the real compute's alone, and without a section that a compute must not have, not even empty. */
function impersonal(configuration: string): string {
  let section = "";
  return configuration
    .split("\n")
    .filter((line) => {
      section = /^\[(.+)\]/.exec(line)?.[1] ?? section;
      const option = /^([\w.]+)\s*=/.exec(line)?.[1] ?? "";
      return section !== "api_database" && !(section === "DEFAULT" && PERSONAL.has(option));
    })
    .join("\n");
}

/** Names and addresses of an /etc/hosts; those of the machine itself left out. */
function hostsOf(text: string): { host: string; ip: string }[] {
  return text
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([ip = ""]) => /^\d+\.\d+\.\d+\.\d+$/.test(ip) && !ip.startsWith("127."))
    .flatMap(([ip = "", ...names]) => [...new Set(names)].map((host) => ({ host, ip })));
}
