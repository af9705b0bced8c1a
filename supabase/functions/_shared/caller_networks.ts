import { createHmac, hkdfSync } from "node:crypto";

import { inBackground, later } from "./background.ts";
import { adminClient } from "./database.ts";
import { env } from "./env.ts";
import { describeCause } from "./log.ts";

// From which networks each user calls, so that a token which many have shows: `many_networks` in docs/alerts.md. It is
// kept in memory and reported now and then, so that no request writes or waits for it.

const REPORT_AFTER_MS = 60_000;
const TIMEOUT_MS = 5_000;
/** More than any threshold needs. */
const MOST_HOPS = 100;
const MOST_USERS = 2_000;
const DIGEST_BYTES = 12;

/** The hops that each user was seen at since the last report. */
let seen = new Map<string, Set<string>>();
let isPlanned = false;

/** Notes where a user's request came from. Never throws, and takes no time. */
export function noteCallerNetwork(userId: string, headers: Headers): void {
  const hops = headers.get("X-Forwarded-For");
  if (hops === null) return;
  let known = seen.get(userId);
  if (known === undefined) {
    if (seen.size >= MOST_USERS) return;
    seen.set(userId, known = new Set());
  }
  if (known.size < MOST_HOPS) known.add(hops);
  if (isPlanned) return;
  isPlanned = true;
  inBackground(later(REPORT_AFTER_MS).then(reportCallerNetworks));
}

/** Reports what was noted. What cannot be reported is forgotten: the user is seen again, or is no case. Never throws. */
export async function reportCallerNetworks(): Promise<void> {
  const noted = seen;
  seen = new Map();
  isPlanned = false;
  try {
    const { TOKEN_ENCRYPTION_KEYS: keyring, OTP_TRUSTED_PROXIES: trustedProxies } = env();
    if (keyring === undefined || trustedProxies === 0 || noted.size === 0) return;
    const key = new Uint8Array(hkdfSync("sha256", keyring.active.key, "", "caller networks", 32));
    const p_seen = [...noted].map(([user_id, hops]) => ({
      user_id,
      networks: [
        ...new Set(
          [...hops].flatMap((list) => networkIn(list, trustedProxies) ?? [])
            .map((network) => digestOf(key, user_id, network)),
        ),
      ],
    }));
    const { error } = await adminClient().rpc("note_caller_networks", { p_seen })
      .abortSignal(AbortSignal.timeout(TIMEOUT_MS));
    if (error) throw error;
  } catch (error) {
    const cause = `Callers' networks were not reported: ${describeCause(error)}`;
    console.error(
      JSON.stringify({
        time: new Date().toISOString(),
        level: "warning",
        function: "caller_networks",
        cause,
      }),
    );
  }
}

/** Bound to the user, so that nobody can be followed from one account to another. */
function digestOf(key: Uint8Array, userId: string, network: string): string {
  return createHmac("sha256", key).update(`${userId}\n${network}`).digest().subarray(0, DIGEST_BYTES)
    .toString("base64url");
}

/**
 * The network in X-Forwarded-For: an IPv4 address, or an IPv6 /64, of which one customer has all addresses. Each of our
 * proxies appends whom it heard from; what stands left of theirs the client may have written itself.
 */
export function networkIn(hops: string, trustedProxies: number): string | undefined {
  const hop = hops.split(",").at(-trustedProxies)?.trim() ?? "";
  const mapped = /^\[?(?:::ffff:)?(\d{1,3}(?:\.\d{1,3}){3})\]?(?::\d+)?$/i.exec(hop)?.[1];
  if (mapped) return mapped;
  const ipv6 = /^\[?([0-9a-f:]+)\]?(?::\d+)?$/i.exec(hop)?.[1];
  if (!ipv6?.includes(":") || !URL.canParse(`http://[${ipv6}]/`)) return undefined;
  const [left = "", right] = new URL(`http://[${ipv6}]/`).hostname.slice(1, -1).split("::");
  const groups = left.split(":").filter(Boolean);
  const rest = (right ?? "").split(":").filter(Boolean);
  const zeros = right === undefined ? 0 : 8 - groups.length - rest.length;
  return [...groups, ...new Array(zeros).fill("0"), ...rest].slice(0, 4).join(":");
}
