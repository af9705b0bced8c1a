const IPV6_NETWORK = "/64";
const WIDE_BITS = 48;

/**
 * The /48 around an IPv6 /64, with 65,536 of them: some providers give each customer a whole /48. Null for an IPv4
 * address and an unknown network.
 */
export async function wideNetworkOf(network: string): Promise<string | null> {
  if (!network.endsWith(IPV6_NETWORK)) return null;
  const { default: ipaddr } = await import("ipaddr.js");
  const bytes = ipaddr.parse(network.slice(0, -IPV6_NETWORK.length)).toByteArray();
  const wide = bytes.map((byte, index) => index < WIDE_BITS / 8 ? byte : 0);
  return `${ipaddr.fromByteArray(wide).toString()}/${WIDE_BITS}`;
}
