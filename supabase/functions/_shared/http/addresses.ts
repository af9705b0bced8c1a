import { lookup } from "node:dns/promises";
import ipaddr from "ipaddr.js";

import { unlessAborted } from "../platform/aborting.ts";

const GLOBAL_UNICAST = ipaddr.parseCIDR("2000::/3") as [ipaddr.IPv6, number];

/**
 * Whether an IP address is on the public internet. Addresses that IANA lists for special use are not, including
 * tunnels and translations to IPv4. IPv6 addresses must be allocated already, so that ranges reserved tomorrow are
 * refused today.
 * https://www.iana.org/assignments/iana-ipv4-special-registry
 * https://www.iana.org/assignments/iana-ipv6-special-registry
 */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  if (parsed.range() !== "unicast") return false;
  return parsed.kind() === "ipv4" || (parsed as ipaddr.IPv6).match(GLOBAL_UNICAST);
}

/** Resolves a host name to all of its addresses. */
export type AddressesOf = (host: string) => Promise<string[]>;

/** The system's resolver. */
export const systemAddressesOf: AddressesOf = async (host) =>
  (await lookup(host, { all: true })).map(({ address }) => address);

/**
 * An address of a host, if all of the host's addresses are public; else undefined. Connect to this address and not to
 * the name, so that a second DNS answer cannot change the target. Throws what the lookup throws, and the signal's
 * reason.
 */
export async function publicAddressOf(
  host: string,
  signal: AbortSignal,
  addressesOf: AddressesOf,
): Promise<string | undefined> {
  const addresses = await unlessAborted(addressesOf(host), signal);
  if (!addresses.every(isPublicAddress)) return undefined;
  return addresses.find((one) => !one.includes(":")) ?? addresses[0]; // Many networks cannot reach IPv6.
}
