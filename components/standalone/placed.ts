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

/** The program that makes nova map hosts to their cell by their services, as a service's machine runs it. */
export const MAP_HOSTS = ["nova-manage", "cell_v2", "discover_hosts", "--by-service"];
