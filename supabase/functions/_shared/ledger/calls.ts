import { inBackground } from "../platform/background.ts";
import { AppError } from "../platform/errors.ts";
import type { UsedLimit } from "../http/limit_headers.ts";
import type { RpcArguments, RpcName } from "../database/rpc.ts";

/** The part of a Supabase client that the ledger needs. */
export interface RpcClient {
  rpc(name: string, args: Record<string, unknown>): PromiseLike<{ data: unknown; error: unknown }>;
}

export interface TokenRequest {
  supabaseClient: RpcClient;
  requestId: string;
  /** Whose wallet pays: the user, or a team's wallet; of `holdTokens` who acts. */
  userId: string;
  /** A whole number of tokens from 1. */
  tokenAmount: number;
  /** The feature that is paid for. */
  operationType: string;
  metadata?: Record<string, unknown>;
}

/** What every ledger RPC returns; a duplicate carries the first call's outcome. */
export interface TokenOutcome {
  success: boolean;
  duplicate: boolean;
  /** Why it was refused: `insufficient_tokens`, `rate_limited`, `request_in_progress`, `idempotency_key_reused`, … */
  error: string | null;
  message?: string;
  charged: number;
  /** The balance afterwards; null when the caller may not see it. */
  balance: number | null;
  request_id: string;
  /** With `insufficient_tokens`. */
  required?: number;
  available?: number;
}

export interface HoldOutcome extends TokenOutcome {
  /** The attempt that this hold pays for: settle and release must name it. */
  attempt?: number;
  /** With a duplicate: the stored response, null when it was too large to store. */
  response?: string | null;
  /** The user's rate limits; null for a limit that the user does not have. */
  limits?: (UsedLimit | null)[] | null;
  /** With `rate_limited`. */
  retry_after_s?: number;
  /** With `spend_cap_reached`, and but for `cap` with `member_cap_reached`. */
  cap?: string;
  cap_tokens?: number;
  spent?: number;
  held?: number;
  resets_at?: string;
}

export interface SettleOutcome extends TokenOutcome {
  /** The end of the response's JSON, after the head that was passed. */
  response_tail?: string;
}

/**
 * Charges a request in one step, and only once, however often it is called with the same `requestId`. Never throws:
 * when the ledger cannot be reached, `success` is false and `error` is `service_unavailable`.
 */
export async function consumeTokensAtomic(request: TokenRequest): Promise<TokenOutcome> {
  try {
    return await call<TokenOutcome>(
      request.supabaseClient,
      "consume_tokens_atomic",
      requestArguments(request),
    );
  } catch (error) {
    return {
      success: false,
      duplicate: false,
      error: "service_unavailable",
      message: error instanceof Error ? error.message : String(error),
      charged: 0,
      balance: null,
      request_id: request.requestId,
    };
  }
}

/**
 * Admits a user's request: checks rate limits, caps and pause, claims its id and holds the most it may cost, in one
 * RPC (`admit_request`). Each call of this function is a run of its own, which retries when the ledger does not
 * answer and then gets the same attempt again. Throws `service_unavailable` when the ledger never answers; a hold
 * that was made anyway is released, and a try that arrives later holds nothing. With a `walletId` that team's wallet
 * pays, if the user is a member who may; extend, settle and release then name the wallet as `userId`.
 */
export async function holdTokens(
  request: TokenRequest & { walletId?: string | null; fingerprint?: string; timeToLiveS?: number },
): Promise<HoldOutcome> {
  const runId = crypto.randomUUID();
  const args = {
    ...requestArguments(request),
    p_fingerprint: request.fingerprint,
    p_time_to_live: request.timeToLiveS === undefined ? undefined : `${request.timeToLiveS} seconds`,
    p_run_id: runId,
    p_wallet_id: request.walletId ?? undefined,
  };
  try {
    return await persist(() => call(request.supabaseClient, "admit_request", args), HOLD_PERSISTENCE);
  } catch (error) {
    const { supabaseClient, requestId, walletId } = request;
    const userId = walletId ?? request.userId;
    const release = releaseTokens({ supabaseClient, requestId, userId, runId, reason: "hold_not_answered" });
    inBackground(release.catch(() => {}));
    throw error;
  }
}

/** Extends a hold to so many seconds from now. Throws `service_unavailable` when the ledger does not answer. */
export function extendHold(
  { supabaseClient, requestId, userId, attempt, timeToLiveS }: {
    supabaseClient: RpcClient;
    requestId: string;
    userId: string;
    attempt: number;
    timeToLiveS: number;
  },
): Promise<Pick<TokenOutcome, "success" | "error">> {
  return call(supabaseClient, "extend_token_hold", {
    p_request_id: requestId,
    p_user_id: userId,
    p_attempt: attempt,
    p_time_to_live: `${timeToLiveS} seconds`,
  });
}

/**
 * Charges what a held request really cost and stores its response. `tokenAmount` null: the cost is unknown, and the
 * whole hold is charged. Retries when the ledger does not answer, which is safe: it settles once.
 */
export function settleTokens(
  { supabaseClient, requestId, userId, attempt, tokenAmount, metadata, responseHead }: {
    supabaseClient: RpcClient;
    requestId: string;
    userId: string;
    attempt: number;
    tokenAmount: number | null;
    metadata?: Record<string, unknown>;
    /** The response's JSON up to and including the comma before `"charged"`. */
    responseHead?: string;
  },
): Promise<SettleOutcome> {
  return persist(() =>
    call(supabaseClient, "settle_tokens", {
      p_request_id: requestId,
      p_user_id: userId,
      p_attempt: attempt,
      p_token_amount: tokenAmount,
      p_metadata: metadata,
      p_response_head: responseHead,
    })
  );
}

/**
 * Releases a hold without a charge: of an attempt, or of a run of `holdTokens` that never learned its attempt.
 * `metadata` has the `usage` of models that ran anyway. Retries when the ledger does not answer.
 */
export function releaseTokens(
  { supabaseClient, requestId, userId, attempt = null, runId, reason, metadata }: {
    supabaseClient: RpcClient;
    requestId: string;
    userId: string;
    attempt?: number | null;
    runId?: string;
    reason?: string;
    metadata?: Record<string, unknown>;
  },
): Promise<TokenOutcome> {
  return persist(() =>
    call(supabaseClient, "release_tokens", {
      p_request_id: requestId,
      p_user_id: userId,
      p_attempt: attempt,
      p_reason: reason,
      p_metadata: metadata,
      p_run_id: runId,
    })
  );
}

/** What a grant is beside its amount; by default bought tokens that never end. docs/grants.md */
export interface GrantTerms {
  kind?: "paid" | "plan" | "promotion";
  /** From 0, spent first, to 100. Default: 50. */
  priority?: number;
  /** From when on it counts; default: now. */
  effectiveAt?: Date;
  /** Its end; default: none. */
  expiresAt?: Date;
  /** Payment, invoice or coupon: the name under which reversals take it back. */
  source?: string;
}

/** Grants tokens; with a request id (the payment's, the webhook event's) only once, however often it is called. */
export function addTokens(
  { supabaseClient, userId, tokenAmount, reason, requestId, metadata, ...terms }: GrantTerms & {
    supabaseClient: RpcClient;
    userId: string;
    tokenAmount: number;
    reason: string;
    requestId?: string;
    metadata?: Record<string, unknown>;
  },
): Promise<TokenOutcome & { added: number }> {
  return call(supabaseClient, "add_tokens", {
    p_user_id: userId,
    p_amount: tokenAmount,
    p_reason: reason,
    p_metadata: metadata,
    p_request_id: requestId,
    p_kind: terms.kind,
    p_priority: terms.priority,
    p_effective_at: terms.effectiveAt?.toISOString(),
    p_expires_at: terms.expiresAt?.toISOString(),
    p_source: terms.source,
  });
}

/** Gives a charge back into the grants that paid for it, whole or in part, and once for its refund id. */
export function refundTokens(
  { supabaseClient, requestId, refundId, tokenAmount, reason, userId }: {
    supabaseClient: RpcClient;
    /** The request that was charged. */
    requestId: string;
    refundId: string;
    /** Default: all that is left of the charge. */
    tokenAmount?: number;
    reason?: string;
    /** Whose wallet paid, if it is known: that makes finding an old charge quick. */
    userId?: string;
  },
): Promise<TokenOutcome & { refunded: number }> {
  return call(supabaseClient, "refund_tokens", {
    p_request_id: requestId,
    p_refund_id: refundId,
    p_amount: tokenAmount,
    p_reason: reason,
    p_wallet_id: userId,
  });
}

function requestArguments(request: TokenRequest): RpcArguments<"consume_tokens_atomic"> {
  return {
    p_request_id: request.requestId,
    p_user_id: request.userId,
    p_token_amount: request.tokenAmount,
    p_operation_type: request.operationType,
    p_metadata: request.metadata,
  };
}

async function call<Outcome, Name extends RpcName = RpcName>(
  client: RpcClient,
  name: Name,
  args: RpcArguments<Name>,
): Promise<Outcome> {
  const { data, error } = await client.rpc(name, args);
  if (error) {
    throw new AppError("service_unavailable", "The ledger cannot be reached at the moment", { cause: error });
  }
  return data as Outcome;
}

interface Persistence {
  /** The pauses between tries. */
  delays_ms: number[];
  /** No try starts after this time. */
  within_ms: number;
}

const PERSISTENCE: Persistence = { delays_ms: [100, 500, 2_000], within_ms: Infinity };
/** Only the request can be lost here: a database that is slow to fail is not tried again. */
const HOLD_PERSISTENCE: Persistence = { delays_ms: [100, 500], within_ms: 5_000 };

async function persist<Outcome>(
  attempt: () => Promise<Outcome>,
  { delays_ms, within_ms }: Persistence = PERSISTENCE,
): Promise<Outcome> {
  const startedAt = performance.now();
  for (const delayMs of delays_ms) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() - startedAt > within_ms) throw error;
      await new Promise((resolve) => setTimeout(resolve, delayMs));
    }
  }
  return await attempt();
}
