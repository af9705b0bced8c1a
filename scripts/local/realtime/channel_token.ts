import { type Claims, type Credentials, expired } from "./credentials.ts";

/** How often a token is looked at, however long it lives. */
const TOKEN_CHECK_MS = 3_600_000;

/** The token of a channel: how long it holds, and which comes after it. */
export class ChannelToken {
  /** Of the token that was confirmed last. */
  claims!: Claims;
  #token: string;
  #renewedAtMs = -Infinity;
  #pending: string | undefined;
  #stopWatching = () => {};

  constructor(
    token: string,
    readonly parts: {
      credentials: Credentials;
      /** Renewals that follow each other within it are put off to its end; only the last of them is looked at. */
      throttleMs: number;
      later(delayMs: number, work: () => void): () => void;
      onExpired(message: string): void;
      /** A renewal's time has come. */
      onRenewal(token: string): void;
    },
  ) {
    this.#token = token;
  }

  /** Judges the token, and watches over its time; throws RefusedToken. */
  async confirm(): Promise<void> {
    const claims = await this.parts.credentials.claimsOf(this.#token);
    this.claims = claims;
    this.#watch(claims);
  }

  /** Takes a token that a client offers, now or in a while; one that is no news is left. */
  offer(token: string): void {
    if (token === this.#token || token === this.#pending) return;
    const waitMs = this.#renewedAtMs + this.parts.throttleMs - performance.now();
    if (waitMs <= 0) return this.#renew(token);
    if (this.#pending === undefined) this.parts.later(waitMs, () => this.#renewWithPending());
    this.#pending = token;
  }

  #renew(token: string): void {
    this.#token = token;
    this.#pending = undefined;
    this.#renewedAtMs = performance.now();
    this.parts.onRenewal(token);
  }

  #renewWithPending(): void {
    if (this.#pending !== undefined) this.#renew(this.#pending);
  }

  #watch(claims: Claims): void {
    const leftMs = claims.exp * 1_000 - Date.now();
    this.#stopWatching();
    this.#stopWatching = this.parts.later(Math.max(0, Math.min(leftMs, TOKEN_CHECK_MS)), () => {
      if (this.#pending !== undefined) return this.#renewWithPending();
      if (claims.exp * 1_000 <= Date.now()) return this.parts.onExpired(expired(claims.exp).message);
      this.#watch(claims);
    });
  }
}
