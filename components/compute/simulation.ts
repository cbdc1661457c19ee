import type { Settings } from "../../config/schema.ts";

/** Our virt driver, by the name that nova.conf gives it. */
export const SIMULATED_DRIVER = "overcloud_simulation.SimulatedDriver";

/** The driver's own section of nova.conf. */
export function simulationOf(compute: Settings["compute"]): Record<string, number> {
  return {
    vcpus: compute.vcpus,
    memory_mb: compute.memoryMb,
    disk_gb: compute.diskGb,
    boot_delay: compute.bootDelaySeconds,
  };
}
