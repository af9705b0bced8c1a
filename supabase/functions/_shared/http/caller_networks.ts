import { createHmac, hkdfSync } from "node:crypto";

import { inBackground, later } from "../platform/background.ts";
import { adminClient } from "../database/database.ts";
import { coreSettings } from "../platform/settings.ts";
import { encryptionSettings } from "../security/settings.ts";
import { describeCause, logEvent } from "../platform/log.ts";

// From which networks each user calls, so that a token which many have shows: `many_networks` in docs/alerts.md. It is
// kept in memory and reported now and then, so that no request writes or waits for it.

const REPORT_AFTER_MS = 60_000;
const TIMEOUT_MS = 5_000;
/** More than any threshold needs. */
const MAX_HOPS = 100;
const MAX_USERS = 2_000;
const DIGEST_BYTES = 12;
/** As many as OTP_TRUSTED_PROXIES may be, each an IPv6 address with brackets, port and blank. */
const MAX_TRUSTED_PROXIES = 10;
const MAX_HOP_CHARACTERS = MAX_TRUSTED_PROXIES * 64;

/** The hops that each user was seen at since the last report. */
let seen = new Map<string, Set<string>>();
let isPlanned = false;

/** Notes where a user's request came from. Never throws, and takes no time. */
export function noteCallerNetwork(userId: string, headers: Headers): void {
  const hops = trustedEnd(headers.get("X-Forwarded-For") ?? "");
  if (hops === "") return;
  let known = seen.get(userId);
  if (known === undefined) {
    if (seen.size >= MAX_USERS) return;
    seen.set(userId, known = new Set());
  }
  if (known.size < MAX_HOPS) known.add(hops);
  if (isPlanned) return;
  isPlanned = true;
  inBackground(later(REPORT_AFTER_MS).then(reportCallerNetworks));
}

/** The last hops, which our proxies wrote; what stands left of them is the client's, as long as it likes. */
function trustedEnd(forwarded: string): string {
  // Copied by way of bytes: a part of a text keeps the whole of it in memory.
  const end = forwarded.slice(-MAX_HOP_CHARACTERS).split(",").slice(-MAX_TRUSTED_PROXIES).join(",");
  return new TextDecoder().decode(new TextEncoder().encode(end));
}

/** Reports what was noted. What cannot be reported is forgotten: the user is seen again, or is no case. Never throws. */
export async function reportCallerNetworks(): Promise<void> {
  const noted = seen;
  seen = new Map();
  isPlanned = false;
  try {
    const { TOKEN_ENCRYPTION_KEYS: keyring } = encryptionSettings();
    const { OTP_TRUSTED_PROXIES: trustedProxies } = coreSettings();
    if (keyring === undefined || trustedProxies === 0 || noted.size === 0) return;
    const key = new Uint8Array(hkdfSync("sha256", keyring.active.key, "", "caller networks", 32));
    // Not imported before: what tells addresses apart is loaded once a minute, not with each function.
    const { networkOf, UNKNOWN_NETWORK } = await import("./networks.ts");
    const networksOf = async (forwarded: Set<string>) => {
      const networks = await Promise.all(
        [...forwarded].map((list) => networkOf(new Headers({ "X-Forwarded-For": list }), trustedProxies)),
      );
      return new Set(networks.filter((network) => network !== UNKNOWN_NETWORK));
    };
    const p_seen = await Promise.all(
      [...noted].map(async ([user_id, forwarded]) => ({
        user_id,
        networks: [...await networksOf(forwarded)].map((network) => digestOf(key, user_id, network)),
      })),
    );
    const { error } = await adminClient().rpc("note_caller_networks", { p_seen })
      .abortSignal(AbortSignal.timeout(TIMEOUT_MS));
    if (error) throw error;
  } catch (error) {
    const cause = `Callers' networks were not reported: ${describeCause(error)}`;
    logEvent("warning", { function: "caller_networks", cause });
  }
}

/** Bound to the user, so that nobody can be followed from one account to another. */
function digestOf(key: Uint8Array, userId: string, network: string): string {
  return createHmac("sha256", key).update(`${userId}\n${network}`).digest().subarray(0, DIGEST_BYTES)
    .toString("base64url");
}
