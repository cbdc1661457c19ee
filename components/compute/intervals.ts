import type { Settings } from "../../config/schema.ts";

/** Seconds between two looks of nova-compute through its resources by nova's own default, and heartbeats in that time. */
const AUDIT_SECONDS = 60;
const REPORTS_PER_AUDIT = 6;

/** Seconds between two looks of a compute through its resources. Who asks for fewer heartbeats gets fewer of these too, never more than by default. */
export function auditSeconds(reportIntervalSeconds: number): number {
  return Math.max(AUDIT_SECONDS, REPORTS_PER_AUDIT * reportIntervalSeconds);
}

/**
 * What nova is told about reports: how often, when a service counts as down, and how often a compute looks through its resources, which
 * costs the control plane more than the heartbeats do.
 */
export function novaIntervals(compute: Settings["compute"]): Record<string, number> {
  return {
    report_interval: compute.reportIntervalSeconds,
    service_down_time: compute.downTimeSeconds,
    update_resources_interval: auditSeconds(compute.reportIntervalSeconds),
  };
}
