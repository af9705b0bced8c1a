/** The prefix of every key with a token; the rest is the account's name. */
export const KEY_PREFIX = "token:";
/**
 * Allowed account names: without commas, which separate names, and without characters that need quoting. Lua's
 * pattern is in scripts.ts.
 */
export const ACCOUNT_NAME = /^[A-Za-z0-9_.:@-]{1,200}$/;
/** No token is this long; longer values are not even fetched. */
export const MAX_VALUE_BYTES = 16 * 1024;

/** Replaces a fingerprint if there is no usable value. */
export const MARKS = { wrongType: "wrong-type", tooLong: "too-long" };

/** A part of a scan: lists of the same length, separated by commas, as Postgres takes them. */
export interface KeyPage {
  /** Where the scan continues; "0" at its end. */
  cursor: string;
  names: string;
  fingerprints: string;
  /** In milliseconds; -1 for keys without one. */
  ttlsMs: string;
  count: number;
  /** Keys with an invalid account name. */
  unusableCount: number;
}

/** A key's value when it was fetched. */
export interface KeyValue {
  /** Undefined when the key is gone, or when its fingerprint is one of MARKS. */
  value?: string;
  isGone: boolean;
  fingerprint: string;
  ttlMs: number;
}

/** A Redis with tokens, over any connection. Every method throws SourceError when Redis does not answer. */
export interface VaultSource {
  /** Identifies the server, or the servers, for which a cursor is valid. */
  serverId(): Promise<string>;
  /** About `count` keys from a cursor; "0" is the start. Some keys may come twice. */
  page(cursor: string, salt: string, count: number): Promise<KeyPage>;
  /** Current values, in the order of the names. */
  values(names: string[], salt: string): Promise<KeyValue[]>;
  /** How many keys there are now; undefined when counting takes longer than `maxMs`. */
  count(maxMs: number): Promise<number | undefined>;
  /** How many round trips so far. */
  readonly roundTrips: number;
  /** How many values it has handled so far, including those that were only fingerprinted. */
  readonly valuesRead: number;
  /** The bytes of values and lists. */
  readonly bytesRead: number;
  close(): Promise<void>;
}

/** A request or its response is larger than the server accepts. */
export const TOO_LARGE = /max (?:request|response) size exceeded/i;

/** Redis does not answer, or not as expected. The message is for operators and contains no credentials. */
export class SourceError extends Error {
  override readonly name = "SourceError";

  /** The server's own message, if any. */
  get refusal(): string {
    return this.cause instanceof Error ? this.cause.message : "";
  }
}
