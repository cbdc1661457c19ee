/**
 * Values of an argument that is a set for docker's provider (environment, capabilities, security options), in the order in which
 * the provider reads them back. Pulumi takes another order for a change of the resource's state: no resource would be touched, but every
 * update would write the whole state once for each of them.
 */
export function asSet(values: readonly string[]): string[] {
  return [...values].sort();
}
