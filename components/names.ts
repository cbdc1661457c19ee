/** Name of one of this project's labels. */
export const labelOf = (key: string): string => `overcloud.${key}`;

/** Label on everything a stack makes; its value is the stack's name. */
export const STACK_LABEL = labelOf("stack");

/** What a stack may be called: its files are in a folder of that name. */
export const STACK_NAME = /^[A-Za-z0-9_][\w.-]*$/;

/** Labels by which `docker ps --filter label=...`, a sweep and the tests find what belongs to a stack. */
export function labelsOf(
  stack: string,
  extra: Record<string, string> = {},
): Record<string, string> {
  const own = Object.entries(extra).map(([key, value]): [string, string] => [labelOf(key), value]);
  return { [STACK_LABEL]: stack, ...Object.fromEntries(own) };
}

/** What the container is called, after the stack's prefix, that keeps the way between computes and an overcloud. */
export const KEEPER_NAME = "passage";

/** What the container is called, after the stack's prefix, that the computes' services are forked from. */
export const COMPUTE_PARENT_NAME = "compute-parent";

/** What the network is called, after the stack's prefix, that carries tunnels between docker hosts. */
export const TUNNELS_NAME = "tunnels";

/** As the docker provider wants them. */
export function labelList(labels: Record<string, string>): { label: string; value: string }[] {
  return Object.entries(labels).map(([label, value]) => ({ label, value }));
}
