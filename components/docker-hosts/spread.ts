/** A docker host that takes computes. */
export interface WeightedHost {
  name: string;
  /** How many computes it takes, measured against the others. */
  weight: number;
}

/**
 * Which host each compute is on, by its index. Without a past, each host has its share by weight, rounded down or up, for
 * every number of computes. A compute stays where it is as long as its host is there and has no more than its share,
 * rounded up: growing the number moves none, and a new host takes from those that have too many.
 * @param placed hosts that computes are on already, by index
 */
export function spread(
  hosts: readonly WeightedHost[],
  computes: number,
  placed: ReadonlyMap<number, string> = new Map(),
): string[] {
  const total = hosts.reduce((sum, { weight }) => sum + weight, 0);
  const wanted = sequence(hosts, computes);
  const indexes = Array.from({ length: computes }, (_, index) => index);
  const found = new Map<number, string>();
  const shares = hosts.map(({ name, weight }) => {
    const most = Math.ceil((computes * weight) / total);
    const staying = indexes
      .filter((index) => placed.get(index) === name)
      // Those that another host would have had in the first place leave first, the youngest of them before the others.
      .toSorted((a, b) => Number(wanted[b] === name) - Number(wanted[a] === name) || a - b)
      .slice(0, most);
    for (const index of staying) found.set(index, name);
    return { name, weight, most, count: staying.length };
  });
  for (const index of indexes.filter((each) => !found.has(each))) {
    const first = shares.find(({ name, count, most }) => name === wanted[index] && count < most);
    const [shortest] = shares.toSorted(
      (a, b) => b.weight * computes - b.count * total - (a.weight * computes - a.count * total),
    );
    const share = first ?? shortest;
    if (share === undefined) throw new RangeError("computes can't be spread over no hosts");
    share.count += 1;
    found.set(index, share.name);
  }
  return indexes.map((index) => found.get(index) ?? "");
}

/**
 * The order in which hosts get computes when none has any: the next goes to the one that has the fewest for its weight,
 * among those that it does not take beyond their share (the quota method of apportionment). In every beginning of the
 * order each host has its share, rounded down or up.
 */
function sequence(hosts: readonly WeightedHost[], length: number): string[] {
  const total = hosts.reduce((sum, { weight }) => sum + weight, 0);
  const counts = hosts.map(({ name, weight }) => ({ name, weight, count: 0 }));
  return Array.from({ length }, (_, index) => {
    const [next] = counts
      .filter(({ weight, count }) => count * total < (index + 1) * weight)
      .toSorted((a, b) => b.weight * (a.count + 1) - a.weight * (b.count + 1));
    if (next === undefined) throw new RangeError("computes can't be spread over no hosts");
    next.count += 1;
    return next.name;
  });
}
