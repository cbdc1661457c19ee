import type { BmcPlan } from "../bmc/plan.ts";
import type { MachinesPlan } from "../libvirt/plan.ts";

/** What the inventory of a standalone cloud must know of its virtual machines. */
export interface MachinesAccess {
  machines: MachinesPlan;
  bmcs: BmcPlan[];
  /** ssh configuration by which nodes are reached. */
  configFile: string;
  /** File with the password of all BMCs. */
  bmcPasswordFile: string;
}

type Hosts = Record<string, Record<string, string | number>>;

/** How ansible reaches the node with this address: as `ssh -F` does. */
export function onNode(address: string, configFile: string): Record<string, string> {
  return {
    ansible_host: address,
    ansible_user: "root",
    // ansible splits it as a shell would.
    ansible_ssh_common_args: `-F ${/\s/.test(configFile) ? `'${configFile}'` : configFile}`,
    ansible_python_interpreter: "/usr/bin/python3",
  };
}

/** The node of the control plane, and machines without a system, which are switched and not logged in to. */
export function machineGroups({ machines, bmcs, configFile, bmcPasswordFile }: MachinesAccess): {
  controllers: { hosts: Hosts };
  baremetal: { hosts: Hosts };
} {
  const controllers = machines.nodes.flatMap(({ name, domainName, external }) =>
    external ? [[name, { ...onNode(external.address, configFile), domain: domainName }]] : [],
  );
  const baremetal = machines.nodes.flatMap(({ name, domainName, provisioning, ...size }) => {
    const bmc = bmcs.find(({ node }) => node === name);
    if (!provisioning || !bmc) return [];
    const vars = {
      domain: domainName,
      provisioning_mac: provisioning.mac,
      vcpus: size.vcpus,
      memory_mb: size.memoryMb,
      disk_gb: size.diskGb ?? 0,
      bmc_address: bmc.address,
      bmc_port: bmc.port,
      bmc_user: bmc.username,
      bmc_password_file: bmcPasswordFile,
    };
    return [[name, vars]];
  });
  return {
    controllers: { hosts: Object.fromEntries(controllers) as Hosts },
    baremetal: { hosts: Object.fromEntries(baremetal) as Hosts },
  };
}
