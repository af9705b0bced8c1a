import { env } from "../_shared/env.ts";
import { AppError } from "../_shared/errors.ts";
import { networkOf, UNKNOWN_NETWORK } from "../_shared/networks.ts";
import { callDatabase } from "../_shared/rpc.ts";

/** How often a user may begin, complete and revoke, each; and how often browsers of one network may come back. */
const AN_HOUR = { authorize: 60, complete: 120, revoke: 120, callback: 600 };

/** Takes one of a user's requests of this kind. Throws `rate_limited` where there are none left. */
export async function takeUsersRequest(
  kind: "authorize" | "complete" | "revoke",
  userId: string,
): Promise<void> {
  await take("user", `oauth-${kind}:${userId}`, AN_HOUR[kind]);
}

/**
 * Takes one of a network's visits of the callback. Callers whose network cannot be told have no limit: they would share one,
 * and anybody could use it up for all.
 */
export async function takeCallback(headers: Headers): Promise<void> {
  const network = await networkOf(headers, env().OTP_TRUSTED_PROXIES);
  if (network !== UNKNOWN_NETWORK) await take("network", `oauth-callback:${network}`, AN_HOUR.callback);
}

async function take(name: string, key: string, quota: number): Promise<void> {
  const limit = { name, key, quota, window_s: 3_600 };
  const answer = await callDatabase("take_rate_limits", { p_limits: [limit] }) as {
    allowed: boolean;
    retry_after_s: number;
  };
  if (answer.allowed) return;
  throw new AppError("rate_limited", "There were too many of these requests in the last hour", {
    headers: { "Retry-After": String(answer.retry_after_s) },
  });
}
