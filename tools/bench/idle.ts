import { setTimeout as sleep } from "node:timers/promises";
import { ApiError, UnreachableError } from "../../components/openstack/request.ts";
import { novaServices } from "../../components/openstack/compute.ts";
import { agents } from "../../components/openstack/network.ts";
import type { ScratchStack } from "../scratch-stack.ts";
import { availableMib } from "./memory.ts";

/** What was seen of a cloud that was left alone. */
export interface Idle {
  minutes: number;
  /** How often all nova-compute services and agents were looked at. */
  looks: number;
  /** How many of these looks saw one that was not up, and the most that were not. */
  looksWithDown: number;
  mostDown: number;
  /** Looks that got no answer. */
  failures: number;
  /** The least memory that the machine had left. */
  leastAvailableMib: number;
}

const LOOK_MS = 15_000;

/** Asks nova and neutron again and again which computes are up, and asks nothing else of them. */
export async function watchIdle(stack: ScratchStack, minutes: number): Promise<Idle> {
  const seen: Idle = {
    minutes,
    looks: 0,
    looksWithDown: 0,
    mostDown: 0,
    failures: 0,
    leastAvailableMib: availableMib(),
  };
  const end = Date.now() + minutes * 60_000;
  while (Date.now() < end) {
    await sleep(LOOK_MS);
    seen.leastAvailableMib = Math.min(seen.leastAvailableMib, availableMib());
    seen.looks += 1;
    try {
      const down = await countDown(stack);
      if (down > 0) seen.looksWithDown += 1;
      seen.mostDown = Math.max(seen.mostDown, down);
    } catch (error) {
      if (!(error instanceof ApiError || error instanceof UnreachableError)) throw error;
      seen.failures += 1;
    }
  }
  return seen;
}

async function countDown(stack: ScratchStack): Promise<number> {
  const cloud = await stack.cloud();
  const services = await novaServices(cloud, { binary: "nova-compute" });
  const dead = (await agents(cloud)).filter(({ alive }) => !alive);
  return services.filter(({ state }) => state !== "up").length + dead.length;
}
