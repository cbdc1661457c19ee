import type { Settings } from "../../config/schema.ts";
import type { Ini } from "../ini.ts";

/** Seconds between two looks of nova-compute through its resources by nova's own default, and heartbeats in that time. */
const AUDIT_SECONDS = 60;
const REPORTS_PER_AUDIT = 6;

/** Audits, by nova's own defaults, after which a compute asks placement anew what others may have changed of its provider. */
const AUDITS_PER_REFRESH = 5;

/** Seconds between two looks of a compute through its resources. Who asks for fewer heartbeats gets fewer of these too, never more than by default. */
export function auditSeconds(reportIntervalSeconds: number): number {
  return Math.max(AUDIT_SECONDS, REPORTS_PER_AUDIT * reportIntervalSeconds);
}

/**
 * What nova is told about reports: how often, when a service counts as down, and how often a compute looks through its resources and
 * asks for its traits, aggregates and inventory, which cost the control plane more than the heartbeats do.
 */
export function novaIntervals(compute: Settings["compute"]) {
  const audit = auditSeconds(compute.reportIntervalSeconds);
  return {
    DEFAULT: {
      report_interval: compute.reportIntervalSeconds,
      service_down_time: compute.downTimeSeconds,
      update_resources_interval: audit,
    },
    compute: { resource_provider_association_refresh: AUDITS_PER_REFRESH * audit },
  } satisfies Ini;
}
