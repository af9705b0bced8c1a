import { AppError, type ErrorCode } from "../platform/errors.ts";
import { repeatableRequestId } from "../http/identifiers.ts";
import type { Price } from "../ledger/price.ts";
import { chargeOf, isUnused, type Slice } from "./slices.ts";
import {
  extendHold,
  type HoldOutcome,
  holdTokens,
  releaseTokens,
  type RpcClient,
  type SettleOutcome,
  settleTokens,
} from "../ledger/calls.ts";

export interface Customer {
  supabaseClient: RpcClient;
  userId: string;
  /** The team's wallet that pays; null: the user's own. */
  walletId: string | null;
  sessionId: string;
  /** The function's name, and the operation type in the ledger. */
  name: string;
  price: Price;
  model: string;
}

export type Seat = "taken" | "none_free" | "insufficient_tokens";

/** How long after its process was killed a seat is free again. */
const SEAT_LEASE_S = 60;
/** Two renewals may fail before the seat is lost. */
const SEAT_RENEWAL_MS = 20_000;
const FORFEIT_S = 600;
/** A session ends well before this many. */
const MAX_RENEWALS = 30;

/** A session's calls to the ledger: one seat for the whole session, and its slices one by one. */
export class Billing {
  readonly #customer: Customer;
  #seat: Promise<Seat> | undefined;
  #lease: Lease | undefined;

  constructor(customer: Customer) {
    this.#customer = customer;
  }

  /**
   * Takes one of the user's seats, so that no user has more sessions than seats on one wallet, over all processes. A seat is a hold
   * of one token under its own id. It expires after a minute and is renewed while the session lasts, so that the seat
   * of a killed process is soon free again. A second call returns the same seat.
   */
  takeSeat(seats: number): Promise<Seat> {
    return this.#seat ??= this.#takeSeat(seats);
  }

  async #takeSeat(seats: number): Promise<Seat> {
    const { supabaseClient, userId, walletId, name } = this.#customer;
    for (let seat = 1; seat <= seats; seat++) {
      const requestId = repeatableRequestId(userId, name, `seat ${seat}`, walletId);
      const hold = await holdTokens({
        supabaseClient,
        userId,
        walletId,
        requestId,
        operationType: name,
        tokenAmount: 1,
        metadata: { seat, session_id: this.#customer.sessionId },
        timeToLiveS: SEAT_LEASE_S,
      });
      if (hold.attempt !== undefined) {
        this.#lease = keepSeat({
          supabaseClient,
          userId: walletId ?? userId,
          requestId,
          attempt: hold.attempt,
        });
        return "taken";
      }
      if (hold.error === "insufficient_tokens") return hold.error;
      if (hold.error !== "request_in_progress") {
        throw refusal("Seat", hold);
      }
    }
    return "none_free";
  }

  async leaveSeat(): Promise<void> {
    await this.#lease?.end();
  }

  /** Blocks the seat for 10 minutes. */
  async forfeitSeat(): Promise<void> {
    await this.#lease?.forfeit();
  }

  /**
   * Holds a slice, or the rest of the balance if it is enough for one response. Returns the tokens held, 0 for none.
   */
  async hold(number: number, sliceTokens: number, leastTokens: number): Promise<number> {
    const { available = 0, held } = await this.#hold(number, sliceTokens);
    if (held > 0 || available < leastTokens) return held;
    return (await this.#hold(number, available)).held;
  }

  async #hold(number: number, tokenAmount: number): Promise<{ held: number; available?: number }> {
    const { name, price, sessionId, userId, walletId } = this.#customer;
    const outcome = await holdTokens({
      ...this.#request(number),
      userId,
      walletId,
      operationType: name,
      tokenAmount,
      metadata: { price, session_id: sessionId, slice: number },
    });
    if (outcome.success) return { held: tokenAmount };
    if (outcome.error === "insufficient_tokens") return { held: 0, available: outcome.available };
    throw refusal("Slice", outcome);
  }

  /** Charges the used part of a slice, or releases an unused one. */
  async settle(slice: Slice): Promise<Pick<SettleOutcome, "charged" | "balance">> {
    const { price, model } = this.#customer;
    const request = this.#request(slice.number);
    if (isUnused(price, slice)) return await releaseTokens(request);
    const settlement = await settleTokens({
      ...request,
      tokenAmount: chargeOf(price, slice),
      metadata: { model, usage: slice.used },
    });
    if (!settlement.success) throw new Error(`Settlement refused: ${settlement.error} ${settlement.message}`);
    return settlement;
  }

  /** The id of a slice is new, so its first attempt is the only one. */
  #request(number: number) {
    const { supabaseClient, userId, walletId, sessionId } = this.#customer;
    return {
      supabaseClient,
      userId: walletId ?? userId,
      requestId: `${sessionId}.${number}`,
      attempt: 1,
    };
  }
}

/** A seat that is renewed until one of these functions is called. */
interface Lease {
  end(): Promise<unknown>;
  forfeit(): Promise<unknown>;
}

function keepSeat(
  seat: { supabaseClient: RpcClient; userId: string; requestId: string; attempt: number },
): Lease {
  let renewals = 0;
  const timer = setInterval(() => {
    if (++renewals > MAX_RENEWALS) return clearInterval(timer);
    extendHold({ ...seat, timeToLiveS: SEAT_LEASE_S }).catch(() => {}); // The next renewal may succeed.
  }, SEAT_RENEWAL_MS);
  return {
    end() {
      clearInterval(timer);
      return releaseTokens(seat);
    },
    forfeit() {
      clearInterval(timer);
      return extendHold({ ...seat, timeToLiveS: FORFEIT_S });
    },
  };
}

/** Refusals other than a low balance; any other error is a server error. */
const NOT_ALLOWED: readonly unknown[] = [
  "rate_limited",
  "account_paused",
  "spend_cap_reached",
  "forbidden",
  "member_cap_reached",
];

function refusal(what: string, { error, message = "" }: HoldOutcome): Error {
  if (NOT_ALLOWED.includes(error)) return new AppError(error as ErrorCode, message);
  return new Error(`${what} refused: ${error} ${message}`);
}
