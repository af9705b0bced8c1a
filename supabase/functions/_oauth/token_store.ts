import type { KeyvStoreAdapter } from "keyv";

/** How a store does, for an operator to see. */
export interface StoreHealth {
  type: "supabase" | "redis" | "memory";
  /** `degraded`: it cannot be reached, and this process keeps what is written in its memory. */
  state: "ok" | "degraded";
  /** Since when, in milliseconds since 1970; undefined for one that never failed. */
  sinceMs?: number;
  /** Writes that wait to be replayed. */
  journalEntries: number;
}

export interface FencedWrite {
  /** How long the value can be read, in milliseconds; without one it stays. */
  ttlMs?: number;
  /** The lease that it is written under: counts up, so that the highest is the newest. */
  fence: number;
}

/**
 * Where tokens are kept: an adapter of Keyv (https://keyv.org) with two more operations, as a token has an order of
 * versions. Keys are `<namespace>:<rest>`. What has expired is never read, by the clock of the backend where it has one.
 * A backend that cannot be reached throws StoreError.
 */
export interface TokenStore extends KeyvStoreAdapter {
  /** Writes unless a higher fence has written or buried the key; tells whether it was written. */
  setIfNewer(key: string, value: string, write: FencedWrite): Promise<boolean>;
  /** Takes the value away, and refuses every writer with a lower fence from then on. False when a higher one was here. */
  bury(key: string, fence: number): Promise<boolean>;
  health(): StoreHealth;
}

/** A value with all that is known of it, as it is written in one go. */
export interface StoreEntry {
  key: string;
  /** Null: buried. */
  value: string | null;
  ttlMs?: number;
  fence?: number;
}

/** A backend cannot be reached. */
export class StoreError extends Error {
  override readonly name = "StoreError";
}

/** Buried keys are remembered for longer than any writer can be late. */
export const BURIED_MS = 30 * 24 * 3_600_000;

/** The namespace of a key. */
export function namespaceOf(key: string): string {
  return key.split(":", 1)[0]!;
}

/** Which keys `clear` and `iterator` are about. */
export function requireNamespace(namespace: string | undefined): string {
  if (namespace) return namespace;
  throw new TypeError("Cannot clear or iterate a store without a namespace: it may hold what is not Keyv's");
}
