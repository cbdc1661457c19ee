import type * as pulumi from "@pulumi/pulumi";
import type { ControlPlaneArgs } from "../control-plane.ts";
import type { Configuration } from "./configuration.ts";
import type { ControlPlanePlan } from "./plan.ts";

/** What services are made from, wherever they run. */
export interface PlacedArgs extends ControlPlaneArgs {
  plan: ControlPlanePlan;
  configuration: pulumi.Output<Configuration>;
}

/** Services that were started, and how they are asked. */
export interface Placed {
  /** Each changes when services were made anew. */
  ids: pulumi.Output<string>[];
  /** Created once services were started. */
  started: pulumi.Resource[];
  /** See WaitForApisArgs. */
  inspectGates: string[];
  inspectReporting?: string[];
  /** See ControlPlane. */
  mapHosts: string[];
  /** Seconds until every API has answered. */
  apiTimeoutSeconds: number;
}

/**
 * The program that has the scheduler map hosts to their cell that came back, or will, as the database's machine runs it. The scheduler
 * passes over whoever is marked as mapped, so that mark is taken from those that are not, from records of removed ones as well: nova
 * restores those. `nova-manage` maps hosts itself, but takes a busy machine ten seconds to start.
 */
export const MAP_HOSTS = [
  "mariadb",
  "--execute",
  "UPDATE nova.compute_nodes AS node LEFT JOIN nova_api.host_mappings AS mapping ON mapping.host = node.host" +
    " SET node.mapped = 0 WHERE mapping.id IS NULL",
];
