import { isFailure, storedFailure } from "./charged_failures.ts";
import { AppError } from "../platform/errors.ts";
import { limitHeaders, statesOf } from "../http/limit_headers.ts";
import type { HoldOutcome } from "../ledger/calls.ts";

/**
 * The response that the request got the first time. Throws the failure that it was charged for, or
 * `response_not_stored`.
 */
export function stored(hold: HoldOutcome): string {
  if (hold.response) {
    if (isFailure(hold.response)) throw storedFailure(hold.response, { isReplay: true });
    return hold.response;
  }
  throw new AppError(
    "response_not_stored",
    "This request was answered and charged before; its answer was too large to keep",
    {
      details: { charged: hold.charged, balance: hold.balance },
    },
  );
}

const RETRY_AFTER_S = 2;

/** Turns a refused hold into the caller's error. */
export function refusal(hold: HoldOutcome): AppError {
  const { error, message = "The request was refused", required, available } = hold;
  switch (error) {
    case "rate_limited":
      return new AppError(error, message, {
        headers: {
          "Retry-After": String(hold.retry_after_s ?? 3_600),
          ...limitHeaders(statesOf(hold.limits)),
        },
      });
    case "spend_cap_reached": {
      const { cap, cap_tokens, spent, held, resets_at } = hold;
      return new AppError(error, message, { details: { cap, cap_tokens, spent, held, required, resets_at } });
    }
    case "member_cap_reached": {
      const { cap_tokens, spent, held, resets_at } = hold;
      return new AppError(error, message, { details: { cap_tokens, spent, held, required, resets_at } });
    }
    case "account_paused":
    case "forbidden":
      return new AppError(error, message);
    case "insufficient_tokens":
      return new AppError(error, message, { details: { required, available } });
    case "request_in_progress":
      return new AppError(error, message, { headers: { "Retry-After": String(RETRY_AFTER_S) } });
    case "idempotency_key_reused":
      return new AppError(error, "This Idempotency-Key was used for another request");
    default:
      return new AppError("internal", "Something went wrong on our side; nothing was charged", {
        cause: new Error(`Hold refused: ${error} ${message}`),
      });
  }
}
