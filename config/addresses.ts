import ipaddr from "ipaddr.js";

/** A range of IPv4 addresses as numbers, both ends included. */
export interface Range {
  first: number;
  last: number;
}

function toNumber(address: ipaddr.IPv4): number {
  return address.toByteArray().reduce((sum, byte) => sum * 256 + byte, 0);
}

/** An IPv4 address as a number. */
export function addressNumber(address: string): number {
  return toNumber(ipaddr.IPv4.parse(address));
}

/** @throws Error if `cidr` is not an IPv4 network. */
export function rangeOf(cidr: string): Range {
  const [, prefix] = ipaddr.IPv4.parseCIDR(cidr);
  const first = toNumber(ipaddr.IPv4.networkAddressFromCIDR(cidr));
  return { first, last: first + 2 ** (32 - prefix) - 1 };
}

export function overlap(a: string, b: string): boolean {
  const left = rangeOf(a);
  const right = rangeOf(b);
  return left.first <= right.last && right.first <= left.last;
}

/** Addresses of the network that a machine can have: without the network's own and the broadcast address. */
export function usableAddresses(cidr: string): number {
  const { first, last } = rangeOf(cidr);
  return Math.max(0, last - first - 1);
}

/**
 * The address `offset` places above the network's own: 1 is the first a machine can have.
 * @throws RangeError if that is outside the network.
 */
export function addressAt(cidr: string, offset: number): string {
  if (offset < 1 || offset > usableAddresses(cidr)) {
    throw new RangeError(`${cidr} has no address number ${offset}`);
  }
  const value = rangeOf(cidr).first + offset;
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");
}
