import type { Caller } from "./credentials.ts";
import { coreSettings } from "../platform/settings.ts";
import { AppError } from "../platform/errors.ts";
import { refusal } from "../feature/refusals.ts";
import { repeatableRequestId } from "./identifiers.ts";
import { limitHeaders, type LimitState, statesOf } from "./limit_headers.ts";
import { callDatabase } from "../database/rpc.ts";
import type { HoldOutcome } from "../ledger/calls.ts";

/**
 * How often a caller may call an endpoint that costs no tokens. The limit refills evenly, and may be used in one
 * burst.
 */
export interface CallLimit {
  quota: number;
  window_s: number;
}

/**
 * Counts a call against its caller's limit: the user's, which its plan may change, else the network's. Callers
 * without a known network have no limit: they would share one, and any of them could use it up for all. Returns the
 * state as header fields. Throws `rate_limited`, or `service_unavailable` when the database does not answer.
 */
export function takeCallLimit(
  name: string,
  caller: Pick<Caller, "userId">,
  headers: Headers,
  limit: CallLimit,
): Promise<Record<string, string>> {
  return caller.userId ? takeOfUser(name, caller.userId, limit) : takeOfNetwork(name, headers, limit);
}

async function takeOfUser(name: string, userId: string, limit: CallLimit): Promise<Record<string, string>> {
  const rule = { quota: limit.quota, window_s: limit.window_s };
  const taken = await callDatabase("take_call_limit", { p_user_id: userId, p_name: name, p_rule: rule });
  const outcome = taken as unknown as HoldOutcome;
  if (!outcome.success) throw refusal(outcome);
  return limitHeaders(statesOf(outcome.limits));
}

async function takeOfNetwork(
  name: string,
  headers: Headers,
  { quota, window_s }: CallLimit,
): Promise<Record<string, string>> {
  // Imported late: few endpoints have callers that are not users.
  const { networkOf, UNKNOWN_NETWORK } = await import("./networks.ts");
  const network = await networkOf(headers, coreSettings().OTP_TRUSTED_PROXIES);
  if (network === UNKNOWN_NETWORK) return {};
  const key = `call ${repeatableRequestId("", name, network)}`;
  const taken = await callDatabase("take_rate_limits", {
    p_limits: [{ name, key, quota, window_s }],
  }) as unknown as { allowed: boolean; retry_after_s: number; limits: LimitState[] };
  if (taken.allowed) return limitHeaders(taken.limits);
  throw new AppError("rate_limited", "Too many requests", {
    headers: { "Retry-After": String(taken.retry_after_s), ...limitHeaders(taken.limits) },
  });
}
