import ipaddr from "ipaddr.js";
import { z } from "zod";

/** A whole number, both ends allowed. */
export const integer = (minimum: number, maximum: number) =>
  z
    .number({ error: `must be a whole number from ${minimum} to ${maximum}` })
    .refine((value) => Number.isInteger(value) && value >= minimum && value <= maximum, {
      error: `must be a whole number from ${minimum} to ${maximum}`,
    })
    // JSON knows a zero below zero.
    .overwrite((value) => value + 0);

export const choice = <const T extends [string, ...string[]]>(...values: T) =>
  z.enum(values, { error: `must be one of: ${values.join(", ")}` });

/** An IPv4 network without host bits. */
export const cidr = z
  .string({ error: "must be an IPv4 network such as 10.79.0.0/20" })
  .refine(isIPv4Network, { error: "must be an IPv4 network such as 10.79.0.0/20" });

function isIPv4Network(text: string): boolean {
  if (!ipaddr.IPv4.isValidCIDRFourPartDecimal(text)) return false;
  const [, prefix] = ipaddr.IPv4.parseCIDR(text);
  return text === `${ipaddr.IPv4.networkAddressFromCIDR(text).toString()}/${prefix}`;
}

export const address = z
  .string({ error: "must be an IPv4 address such as 10.79.0.10" })
  .refine((text) => ipaddr.IPv4.isValidFourPartDecimal(text), {
    error: "must be an IPv4 address such as 10.79.0.10",
  });

export const boolean = z.boolean({ error: "must be true or false" });
