/** The limits of a session; times in seconds. */
export interface SessionLimits {
  /** The longest session; below the 400 s that a hosted function may last, and the 600 s that a hold does. */
  session_s: number;
  /** How long before the end the client is warned. */
  notice_s: number;
  /** How long both sides may be silent. */
  idle_s: number;
  /** How long the provider may be silent while a response is due. */
  provider_s: number;
  /** The longest turn; its sound becomes input. */
  turn_s: number;
  /** The size of one message of the client. */
  message_bytes: number;
  messages_per_s: number;
  /** How many bytes may wait to be sent, in each direction. */
  buffered_bytes: number;
  /** How many sessions a user may have at once. */
  sessions: number;
}

export const DEFAULT_SESSION: SessionLimits = {
  session_s: 300,
  notice_s: 30,
  idle_s: 60,
  provider_s: 20,
  turn_s: 60,
  message_bytes: 128 * 1024,
  messages_per_s: 50,
  buffered_bytes: 4 * 1024 * 1024,
  sessions: 2,
};

/** Why a session ends: the close code and the message. Codes are part of the API: never renamed. */
export const ENDINGS = {
  closed: { closeCode: 1000, message: "The client has closed the session" },
  invalid_request: { closeCode: 4400, message: "Too many messages that a client may not send" },
  token_expired: { closeCode: 4401, message: "The access token has expired" },
  balance_exhausted: { closeCode: 4402, message: "The tokens are not enough for another answer" },
  account_paused: { closeCode: 4403, message: "The account is paused" },
  forbidden: { closeCode: 4405, message: "You may not spend from this wallet" },
  spend_cap_reached: { closeCode: 4406, message: "The account's own cap of the day or the month is reached" },
  member_cap_reached: { closeCode: 4407, message: "Your cap of the month in this wallet is reached" },
  idle_timeout: { closeCode: 4408, message: "Nothing was said for too long" },
  session_ended: { closeCode: 4410, message: "The session has reached its maximum duration" },
  payload_too_large: { closeCode: 4413, message: "A message was too large" },
  rate_limited: {
    closeCode: 4429,
    message: "Too many messages, too much sound, or too many sessions at once",
  },
  client_too_slow: { closeCode: 4431, message: "The client reads too slowly" },
  internal: { closeCode: 4500, message: "Something went wrong on our side" },
  provider_error: { closeCode: 4502, message: "The AI provider has ended the conversation" },
  service_unavailable: { closeCode: 4503, message: "The service is not available at the moment" },
  provider_timeout: { closeCode: 4504, message: "The AI provider took too long" },
} as const;

export type Ending = keyof typeof ENDINGS;

/** A token bucket: so much per second, and a larger burst after a pause. */
export class Allowance {
  #left: number;
  #atMs: number;

  constructor(readonly perSecond: number, readonly atOnce: number, nowMs: number) {
    this.#left = atOnce;
    this.#atMs = nowMs;
  }

  /** Whether so much may pass now; a refused amount is not counted. */
  take(amount: number, nowMs: number): boolean {
    const refill = Math.max(0, nowMs - this.#atMs) / 1000 * this.perSecond;
    this.#left = Math.min(this.atOnce, this.#left + refill);
    this.#atMs = nowMs;
    if (amount > this.#left) return false;
    this.#left -= amount;
    return true;
  }
}
