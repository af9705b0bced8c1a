import { lookup } from "node:dns/promises";
import ipaddr from "ipaddr.js";

import { unlessAborted } from "../platform/aborting.ts";

const GLOBAL_UNICAST = ipaddr.parseCIDR("2000::/3") as [ipaddr.IPv6, number];

/**
 * Whether an IP address is of the public internet: none that IANA lists for special use, tunnels and translations to
 * IPv4 included. Of IPv6 only what has been handed out counts, so that what is reserved tomorrow is refused today.
 * https://www.iana.org/assignments/iana-ipv4-special-registry
 * https://www.iana.org/assignments/iana-ipv6-special-registry
 */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  if (parsed.range() !== "unicast") return false;
  return parsed.kind() === "ipv4" || (parsed as ipaddr.IPv6).match(GLOBAL_UNICAST);
}

/** Every address that a host's name leads to. */
export type AddressesOf = (host: string) => Promise<string[]>;

/** As the system resolves it. */
export const systemAddressesOf: AddressesOf = async (host) =>
  (await lookup(host, { all: true })).map(({ address }) => address);

/**
 * An address of a host all of whose addresses are of the public internet; undefined of any other. To be connected to
 * itself, so that no second answer of the DNS counts. Throws what the lookup throws, and the signal's reason.
 */
export async function publicAddressOf(
  host: string,
  signal: AbortSignal,
  addressesOf: AddressesOf,
): Promise<string | undefined> {
  const addresses = await unlessAborted(addressesOf(host), signal);
  if (!addresses.every(isPublicAddress)) return undefined;
  return addresses.find((one) => !one.includes(":")) ?? addresses[0]; // Many cannot reach IPv6.
}
