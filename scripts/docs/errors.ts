import { type ErrorCode, STATUS } from "../../supabase/functions/_shared/platform/errors.ts";
import type { Declared } from "./declared.ts";

/** What each code means for a caller. */
export const MEANINGS: Record<ErrorCode, string> = {
  invalid_request: "The body, the query or the `Idempotency-Key` is invalid; `details` says where and why",
  unauthorized: "No valid credential",
  insufficient_tokens:
    "The tokens of the user, or of the team's wallet, do not cover what the request may cost; `details`: `required`, `available`",
  spend_cap_reached:
    "The own daily or monthly cap of the user, or of the team's wallet, is reached; `details`: `cap`, `cap_tokens`, `spent`, `held`, `required`, `resets_at`",
  account_paused: "The account, or the team's wallet, is paused; the message says why",
  member_cap_reached:
    "The caller's monthly cap in the team's wallet is reached; `details`: `cap_tokens`, `spent`, `held`, `required`, `resets_at`",
  forbidden:
    "The credential may not do this; with `Tessera-Wallet`: the caller is not a member who may spend",
  not_found: "It does not exist",
  method_not_allowed: "Another method is expected; `Allow` names it",
  request_in_progress: "A request with the same key is still running; try again after `Retry-After` seconds",
  authorization_required: "The user has to authorize the OAuth provider, for the first time or again",
  last_owner: "The last owner of a wallet can neither leave nor be demoted: make another one first",
  wallet_limit_reached: "There are as many wallets, members or open invitations as there may be",
  wallet_not_empty: "The wallet still owns or owes tokens",
  response_not_stored:
    "Answered and charged before, but the response was too large to store; `details`: `charged`, `balance`",
  token_expired: "The token of this account has expired; `details`: `expires_at`",
  otp_expired: "The code was never sent, has expired, was used, or was replaced by a newer one",
  payload_too_large: "The body is too large; `details`: `max_bytes`",
  unsupported_media_type: "The function does not accept the body's `Content-Type`",
  answer_refused:
    "The model was called, and its answer cannot be returned: it breaks a rule of the request, the model refused, it was cut " +
    "at its limit or unfinished when the time was over, or the recording has no speech. `charged` is the cost; a retry needs another key",
  idempotency_key_reused: "The key was used for another request",
  otp_incorrect: "The code is wrong; `details`: `attempts_left`",
  otp_unsupported_number: "No code is sent to this number; `details`: `reason`",
  upgrade_required: "Only a WebSocket is accepted here",
  otp_too_many_attempts:
    "No guesses are left for the code, the phone or the network; `details`: `retry_after_s`",
  otp_too_many_sends: "No more codes are sent now; try again after `Retry-After` seconds",
  rate_limited: "Too many requests; try again after `Retry-After` seconds",
  internal: "A server error; the log has the cause under the request id",
  otp_delivery_failed:
    "No provider accepted the message; the code is void, and another may be requested at once",
  provider_error: "The AI or OAuth provider failed, or its answer is invalid",
  service_unavailable: "A service that this one needs cannot be reached, or too many requests run at once",
  provider_timeout: "The AI or OAuth provider took too long",
};

/** Codes that say when to try again. */
export const WITH_RETRY_AFTER: ReadonlySet<ErrorCode> = new Set([
  "request_in_progress",
  "otp_too_many_sends",
  "rate_limited",
  "service_unavailable",
]);

const METERED: ErrorCode[] = [
  "insufficient_tokens",
  "spend_cap_reached",
  "account_paused",
  "forbidden",
  "member_cap_reached",
  "rate_limited",
  "request_in_progress",
  "response_not_stored",
  "answer_refused",
  "idempotency_key_reused",
  "provider_error",
  "provider_timeout",
];

/** Errors before the WebSocket is open. */
const CONVERSATION: ErrorCode[] = [
  "insufficient_tokens",
  "spend_cap_reached",
  "account_paused",
  "forbidden",
  "member_cap_reached",
  "upgrade_required",
  "rate_limited",
];

/** The error codes of a function, ordered by status. */
export function codesOf(
  { name, auths, method, isAlsoPost, kind, callLimit, takesWallet, codes = [] }: Declared,
): ErrorCode[] {
  const can = new Set<ErrorCode>([
    "invalid_request",
    "method_not_allowed",
    "internal",
    "service_unavailable",
    ...(auths.includes("none") ? [] : ["unauthorized"] as const),
    ...(method === "GET" && !isAlsoPost ? [] : ["payload_too_large", "unsupported_media_type"] as const),
    ...(kind === "feature" ? METERED : []),
    ...(callLimit && "quota" in callLimit ? ["rate_limited"] as const : []),
    ...(takesWallet ? ["forbidden"] as const : []),
    ...(name.includes("/") ? ["not_found"] as const : []),
    ...codes,
    ...(kind === "conversation" ? CONVERSATION : []),
  ]);
  return (Object.keys(STATUS) as ErrorCode[]).filter((code) => can.has(code));
}
