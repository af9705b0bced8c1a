const IPV6_NETWORK = "/64";
const WIDE_BITS = 48;

/**
 * The network that an IPv6 /64 is one of 65,536 of, its /48: some providers give each customer a whole one. Null for an IPv4
 * address, and for a network that is not known.
 */
export async function wideNetworkOf(network: string): Promise<string | null> {
  if (!network.endsWith(IPV6_NETWORK)) return null;
  const { default: ipaddr } = await import("ipaddr.js");
  const bytes = ipaddr.parse(network.slice(0, -IPV6_NETWORK.length)).toByteArray();
  const wide = bytes.map((byte, index) => index < WIDE_BITS / 8 ? byte : 0);
  return `${ipaddr.fromByteArray(wide).toString()}/${WIDE_BITS}`;
}
