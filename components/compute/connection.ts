/** What a simulated compute must know of a control plane, whichever kind that is. All of it is secret. */
export interface ComputeConnection {
  /** Where nova's services are and how to log in there, as a file of nova.conf.d. */
  novaConf: string;
  /** The same for neutron's Open vSwitch agent, as a file of neutron.conf.d. */
  neutronConf: string;
  /** tcp:ADDRESS:PORT of OVN's southbound database; absent with the Open vSwitch agent. */
  ovnRemote?: string;
}
