import { failureHead, failureOfRun, storedFailure } from "./charged_failures.ts";
import { AppError } from "../platform/errors.ts";
import type { RequestLog } from "../platform/log.ts";
import { isRefusedContent } from "../models/failures.ts";
import type { RunUsage } from "../models/models.ts";
import { cost, type Price } from "../ledger/price.ts";
import { releaseTokens, type RpcClient, type SettleOutcome, settleTokens } from "../ledger/calls.ts";

/** A running request and its hold. */
export interface HeldRequest {
  supabaseClient: RpcClient;
  requestId: string;
  /** Whose wallet pays: the user, or a team's wallet. */
  userId: string;
  attempt: number;
}

/** Ends a held request in the ledger, in one of these ways. */
export interface Charges {
  /** Charges and stores a response. Throws when the ledger refuses, or when it is unknown whether it was charged. */
  settleResponse(responseHead: string): Promise<SettleOutcome>;
  /**
   * Charges a failure that the caller caused, at most the hold, and stores it for a retry. Releases the hold after
   * any other failure. `isShown`: a part of the answer was sent. Returns the error for the caller.
   */
  settleFailure(error: unknown, isShown: boolean): Promise<unknown>;
  /** Charges what was used until the caller disconnected, at most the hold. */
  settleHangUp(): Promise<void>;
}

/** Settles one request; `bound` is its hold, in tokens. */
export function openCharges({ held, price, bound, usage, log }: {
  held: HeldRequest;
  price: Price;
  bound: number;
  usage(): RunUsage;
  log: Partial<RequestLog>;
}): Charges {
  async function settle({ maxTokens = Infinity, metadata, responseHead }: {
    maxTokens?: number;
    metadata?: Record<string, unknown>;
    responseHead?: string;
  }): Promise<SettleOutcome> {
    const used = usage();
    const tokens = isKnown(price, used) ? cost(price, used) : null;
    const settlement = await settleTokens({
      ...held,
      responseHead,
      tokenAmount: tokens === null ? null : Math.min(tokens, maxTokens),
      metadata: {
        ...usageMetadata(used),
        ...tokens !== null && tokens > maxTokens && { cost: tokens },
        ...metadata,
      },
    });
    log.model = used.model ?? undefined;
    log.tokens_charged = settlement.charged;
    return settlement;
  }

  async function release(reason: string): Promise<void> {
    const used = usage();
    const metadata = used.calls > 0 ? usageMetadata(used) : undefined;
    // If the release fails, the hold expires later; the caller gets the failure itself.
    await releaseTokens({ ...held, reason, metadata }).catch(() => {});
  }

  return {
    async settleResponse(responseHead) {
      const settlement = await settle({ responseHead }).catch((cause) => {
        throw unconfirmedCharge(cause);
      });
      if (settlement.success) return settlement;
      throw new AppError("internal", "The request took too long; nothing was charged", {
        cause: new Error(`Settlement refused: ${settlement.error} ${settlement.message}`),
      });
    },

    async settleFailure(error, isShown) {
      const failure = failureOfRun(error, isShown);
      const isCharged = failure instanceof AppError && failure.code === "answer_refused" && usage().calls > 0;
      if (!isCharged) {
        await release(reasonOf(failure));
        return failure;
      }
      const responseHead = failureHead(failure);
      try {
        const metadata = { failed_for: failure.code };
        const settlement = await settle({ maxTokens: bound, metadata, responseHead });
        if (!settlement.success) return failure;
        const failed = storedFailure(responseHead + settlement.response_tail, { isReplay: false });
        failed.cause = failure.cause;
        return failed;
      } catch (cause) {
        return unconfirmedCharge(cause);
      }
    },

    async settleHangUp() {
      if (usage().calls === 0) return await release("hung_up");
      await settle({ maxTokens: bound, metadata: { stopped: true } }).catch(() => {});
    },
  };
}

/** The ledger did not answer after several tries: it may have charged or not. */
function unconfirmedCharge(cause: unknown): AppError {
  return new AppError(
    "service_unavailable",
    "The ledger did not confirm the charge: this request may have been charged. Retry with the same Idempotency-Key, " +
      "or ask account/why",
    { cause, charge: { charged: null } },
  );
}

/** Why a hold is released, for the metrics and the search for failing providers. */
function reasonOf(failure: unknown): string {
  if (isRefusedContent(failure)) return "refused_content";
  return failure instanceof AppError ? failure.code : "internal";
}

function usageMetadata({ model, input_tokens, output_tokens, images, seconds, characters }: RunUsage) {
  return { model, usage: { input_tokens, output_tokens, images, seconds, characters } };
}

/** Whether the usage determines the cost: unknown tokens or seconds only matter where they have a price. */
function isKnown(price: Price, usage: RunUsage): boolean {
  return usage.known || !(price.per_1k_input_tokens || price.per_1k_output_tokens || price.per_1k_seconds);
}
