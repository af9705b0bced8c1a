/** Every key with a token begins so; the rest is the name of the account. */
export const KEY_PREFIX = "token:";
/** What an account may be called: neither the comma between names nor anything that needs quoting. Lua's pattern is in scripts.ts. */
export const ACCOUNT_NAME = /^[A-Za-z0-9_.:@-]{1,200}$/;
/** No token is as long; what is longer is not even fetched. */
export const MAX_VALUE_BYTES = 16 * 1024;

/** Stands for a fingerprint where there is no value to make one of. */
export const MARKS = { wrongType: "wrong-type", tooLong: "too-long" };

/** A part of a scan: lists of the same length, separated by commas, as Postgres takes them. */
export interface KeyPage {
  /** Where the scan goes on; "0" at its end. */
  cursor: string;
  names: string;
  fingerprints: string;
  /** In milliseconds; -1 for keys without one. */
  ttlsMs: string;
  count: number;
  /** Keys whose name no account can have. */
  unusableCount: number;
}

/** What a key held when it was fetched. */
export interface KeyValue {
  /** Undefined when the key is gone, or when its fingerprint is one of MARKS. */
  value?: string;
  isGone: boolean;
  fingerprint: string;
  ttlMs: number;
}

/** A Redis with tokens, however it is reached. Every method throws SourceError when it does not answer. */
export interface TokenSource {
  /** Names the server, or the servers: a cursor means something only there. */
  serverId(): Promise<string>;
  /** The keys from a cursor on, about `count` of them; "0" begins. Some may come twice. */
  page(cursor: string, salt: string, count: number): Promise<KeyPage>;
  /** Values as they are now, in the order of the names. */
  values(names: string[], salt: string): Promise<KeyValue[]>;
  /** How many keys there are now; undefined when counting takes longer than `maxMs`. */
  count(maxMs: number): Promise<number | undefined>;
  /** How often it was asked so far. */
  readonly roundTrips: number;
  /** How many values it has handled so far, those included that only a page's fingerprints were made of. */
  readonly valuesRead: number;
  /** Of values and of lists. */
  readonly bytesRead: number;
  close(): Promise<void>;
}

/** A request, or its answer, is larger than the server takes. */
export const TOO_LARGE = /max (?:request|response) size exceeded/i;

/** Redis does not answer, or not as expected. Its message is for operators and holds no credentials. */
export class SourceError extends Error {
  override readonly name = "SourceError";

  /** What the server itself said; empty where it said nothing. */
  get refusal(): string {
    return this.cause instanceof Error ? this.cause.message : "";
  }
}
