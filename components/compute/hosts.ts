const HOST_PREFIX = "compute-";

/** Name of a simulated compute, by its index or what stands for it: in nova, neutron and placement, and its hostname. */
export function hostOf(index: number | string): string {
  return `${HOST_PREFIX}${index}`;
}

/** Names of so many simulated computes. */
export function hostsOf(computes: number): string[] {
  return Array.from({ length: computes }, (_, index) => hostOf(index));
}

/** The index in a host's name; undefined for hosts that are no simulated computes. */
export function indexOf(host: string): number | undefined {
  const digits = /^compute-(0|[1-9]\d*)$/.exec(host)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
