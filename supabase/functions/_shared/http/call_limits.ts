import { callDatabase } from "../database/rpc.ts";
import { AppError } from "../platform/errors.ts";
import { coreSettings } from "../platform/settings.ts";
import type { Caller } from "./credentials.ts";
import { repeatableRequestId } from "./identifiers.ts";
import { limitHeaders, type LimitState } from "./limit_headers.ts";

/**
 * How often a caller may call an endpoint that costs no tokens. The limit refills evenly, and may be used in one
 * burst.
 */
export interface CallLimit {
  quota: number;
  window_s: number;
}

/** What `take_rate_limits` answers. */
interface Taken {
  allowed: boolean;
  /** Null for what can never be allowed. */
  retry_after_s: number | null;
  limits: LimitState[];
}

/**
 * Counts a call against its caller's limit: the user's, which its plan may change, else the network's. Callers
 * without a known network have no limit: they would share one, and any of them could use it up for all. Returns the
 * state as header fields. Throws `rate_limited`, or `service_unavailable` when the database does not answer.
 */
export async function takeCallLimit(
  name: string,
  { userId }: Pick<Caller, "userId">,
  headers: Headers,
  { quota, window_s }: CallLimit,
): Promise<Record<string, string>> {
  const taken = userId
    ? await callDatabase("take_call_limit", { p_user_id: userId, p_name: name, p_rule: { quota, window_s } })
    : await takeOfNetwork(name, headers, { quota, window_s });
  if (taken === undefined) return {};
  const { allowed, retry_after_s, limits } = taken as unknown as Taken;
  if (allowed) return limitHeaders(limits);
  throw new AppError("rate_limited", "Too many requests", {
    headers: {
      "Retry-After": String(retry_after_s ?? limits[0]?.window_s ?? window_s),
      ...limitHeaders(limits),
    },
  });
}

async function takeOfNetwork(name: string, headers: Headers, limit: CallLimit) {
  // Imported late: few endpoints have callers that are not users.
  const { networkOf, UNKNOWN_NETWORK } = await import("./networks.ts");
  const network = await networkOf(headers, coreSettings().OTP_TRUSTED_PROXIES);
  if (network === UNKNOWN_NETWORK) return undefined;
  const key = `call ${repeatableRequestId("", name, network)}`;
  return await callDatabase("take_rate_limits", { p_limits: [{ name, key, ...limit }] });
}
