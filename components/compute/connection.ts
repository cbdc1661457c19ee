import type { Files } from "../container/uploads.ts";

/** What a simulated compute must know of a control plane, whichever kind that is. The files hold secrets, the rest does not. */
export interface ComputeConnection {
  /** Files of nova.conf.d: where nova's services are, how to log in there, and what the simulation is like. */
  nova: Files;
  /** The same for neutron's Open vSwitch agent, as files of neutron.conf.d. */
  agent: Files;
  /** tcp:ADDRESS:PORT of OVN's southbound database; absent with the Open vSwitch agent. */
  ovnRemote?: string;
  /** Networks that tunnels lead to besides the computes' own, and the router to them in the tunnels' network. */
  tunnelRoutes?: { networks: string[]; gateway: string };
  /** Names that these files use and no DNS of the compute's knows. */
  hosts?: { host: string; ip: string }[];
}
