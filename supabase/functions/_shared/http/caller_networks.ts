import { createHmac, hkdfSync } from "node:crypto";

import { inBackground, later } from "../platform/background.ts";
import { adminClient } from "../database/database.ts";
import { coreSettings } from "../platform/settings.ts";
import { encryptionSettings } from "../security/settings.ts";
import { describeCause, logEvent } from "../platform/log.ts";

// Notes from which networks each user calls, which shows an access token that many people use: `many_networks` in
// docs/alerts.md. It is kept in memory and reported now and then, so that no request writes or waits for it.

const REPORT_AFTER_MS = 60_000;
const TIMEOUT_MS = 5_000;
/** More than any threshold needs. */
const MAX_HOPS = 100;
const MAX_USERS = 2_000;
const DIGEST_BYTES = 12;
/** Room for the largest OTP_TRUSTED_PROXIES, each an IPv6 address with brackets, port and blank. */
const MAX_TRUSTED_PROXIES = 10;
const MAX_HOP_CHARACTERS = MAX_TRUSTED_PROXIES * 64;

/** The hops from which each user called since the last report. */
let seen = new Map<string, Set<string>>();
let isPlanned = false;

/** Notes where a user's request came from. Never throws and never waits. */
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

/** The last hops, which our proxies wrote. The client may have written anything of any length to the left of them. */
function trustedEnd(forwarded: string): string {
  // Copied through bytes: a substring would keep the whole text in memory.
  const end = forwarded.slice(-MAX_HOP_CHARACTERS).split(",").slice(-MAX_TRUSTED_PROXIES).join(",");
  return new TextDecoder().decode(new TextEncoder().encode(end));
}

/** Reports what was noted. If that fails, the notes are dropped: a user who matters is seen again. Never throws. */
export async function reportCallerNetworks(): Promise<void> {
  const noted = seen;
  seen = new Map();
  isPlanned = false;
  try {
    const { TOKEN_ENCRYPTION_KEYS: keyring } = encryptionSettings();
    const { OTP_TRUSTED_PROXIES: trustedProxies } = coreSettings();
    if (keyring === undefined || trustedProxies === 0 || noted.size === 0) return;
    const key = new Uint8Array(hkdfSync("sha256", keyring.active.key, "", "caller networks", 32));
    // Imported late: the code that parses addresses is needed once a minute, not in each function.
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

/** The digest includes the user, so that nobody can be followed from one account to another. */
function digestOf(key: Uint8Array, userId: string, network: string): string {
  return createHmac("sha256", key).update(`${userId}\n${network}`).digest().subarray(0, DIGEST_BYTES)
    .toString("base64url");
}
