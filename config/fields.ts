import path from "node:path";
import ipaddr from "ipaddr.js";
import { z } from "zod";
import { overlap } from "./addresses.ts";

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

/** Networks that no machine has an address of its own in: this host, loopback, link-local, multicast and beyond. */
const NOBODYS = ["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"];

/** An IPv4 network without host bits, that machines can be on. */
export const cidr = z
  .string({ error: "must be an IPv4 network such as 10.79.0.0/20" })
  .refine(isIPv4Network, { error: "must be an IPv4 network such as 10.79.0.0/20", abort: true })
  .refine((text) => NOBODYS.every((other) => !overlap(text, other)), {
    error: `must be a network for machines, which ${NOBODYS.join(", ")} are not`,
  });

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

/**
 * Text that is one line wherever it ends up, and looks like what it is: without control characters, line separators,
 * halves of characters, and marks that reverse what follows.
 */
export const line = (what: string) =>
  z
    .string({ error: `must be ${what}` })
    .regex(/^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]*$/u, {
      error: `must be ${what}, one line without control characters`,
    });

/** A line that is not empty. */
export const text = (what: string) => line(what).min(1, { error: `must be ${what}` });

/** A line that a program can't take for an option. */
export const argument = (what: string) =>
  text(what).regex(/^[^-]/, { error: `must be ${what}, which begins with no dash` });

/** A path from the root on, which says where it leads. */
export const absolutePath = text("an absolute path")
  .regex(/^\/[^\s<>&"']*$/, { error: "must be an absolute path without spaces and quotes" })
  .refine((file) => [file, `${file}/`].includes(path.posix.normalize(`${file}/`)), {
    error: "must be an absolute path without . and .. in it",
  });

/** The same of a folder that things are made in. */
export const folder = absolutePath.refine((file) => file !== "/", {
  error: "must be a folder of its own",
});

/** Host name or address. */
export const host = text("a host name or an address").regex(/^[A-Za-z0-9_:][\w.:-]*$/, {
  error: "must be a host name or an address",
});

export const boolean = z.boolean({ error: "must be true or false" });

/**
 * A docker object name, a DNS label and a part of nova host names at the same time: lower-case letters, digits and
 * dashes, starting with a letter, at most 40 characters so that the longest derived name stays below 63.
 */
export const NAME_PATTERN = /^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$/;
