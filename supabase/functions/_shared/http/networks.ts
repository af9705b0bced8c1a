import { logEvent } from "../platform/log.ts";

/** Stands for callers without a known address: they share one network's limits. */
export const UNKNOWN_NETWORK = "unknown";

const IPV6_PREFIX_BITS = 64;

/** Address ranges from which no caller on the internet comes. */
const INTERNAL: ReadonlySet<string> = new Set([
  "private",
  "loopback",
  "linkLocal",
  "uniqueLocal",
  "carrierGradeNat",
]);

/**
 * The network of a request's caller: an IPv4 address, or an IPv6 /64, which belongs to one customer. Each of our
 * proxies appends its caller's address to X-Forwarded-For; the client may have written the entries further left.
 */
export async function networkOf(headers: Headers, trustedProxies: number): Promise<string> {
  if (trustedProxies === 0) return UNKNOWN_NETWORK;
  const hops = (headers.get("X-Forwarded-For") ?? "").split(",").map((hop) => hop.trim());
  const { default: ipaddr } = await import("ipaddr.js");
  const address = withoutPort(hops.at(-trustedProxies) ?? "");
  if (!ipaddr.IPv4.isValidFourPartDecimal(address) && !ipaddr.IPv6.isValid(address)) return UNKNOWN_NETWORK;
  const parsed = ipaddr.process(address); // an IPv4-mapped IPv6 address counts as IPv4
  if (hops.length > trustedProxies && INTERNAL.has(parsed.range())) warnOfHop();
  if (parsed.kind() === "ipv4") return parsed.toString();
  const bytes = parsed.toByteArray().map((byte, index) => index < IPV6_PREFIX_BITS / 8 ? byte : 0);
  return `${ipaddr.fromByteArray(bytes).toString()}/${IPV6_PREFIX_BITS}`;
}

let isWarned = false;

/**
 * With an internal address as the trusted hop all callers look like one network; the caller's own is further left.
 */
function warnOfHop(): void {
  if (isWarned) return;
  isWarned = true;
  logEvent("warning", {
    function: "networks",
    cause: "The trusted hop of X-Forwarded-For is an internal address: OTP_TRUSTED_PROXIES is too small",
  });
}

/** Some proxies write `203.0.113.7:4711` and `[2001:db8::1]:4711`. */
function withoutPort(hop: string): string {
  return /^\[([^\]]+)\](?::\d+)?$/.exec(hop)?.[1] ?? /^(\d+(?:\.\d+){3}):\d+$/.exec(hop)?.[1] ?? hop;
}
