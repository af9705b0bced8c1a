import type { KeyvStoreAdapter } from "keyv";

/** A store's health, for operators. */
export interface StoreHealth {
  type: "supabase" | "redis" | "memory";
  /** `degraded`: it cannot be reached, and this process keeps new writes in memory. */
  state: "ok" | "degraded";
  /** Since when, in milliseconds since 1970; undefined if it never failed. */
  sinceMs?: number;
  /** Writes that wait to be replayed. */
  journalEntries: number;
}

export interface FencedWrite {
  /** How long the value can be read, in milliseconds; default: forever. */
  ttlMs?: number;
  /** The fence of the lease that it is written under: the highest is the newest. */
  fence: number;
}

/**
 * The store of tokens: an adapter of Keyv (https://keyv.org) with two more operations, because versions of a token
 * are ordered. Keys are `<namespace>:<rest>`. Expired values are never returned, by the backend's clock if it has
 * one. Throws StoreError if the backend cannot be reached.
 */
export interface TokenStore extends KeyvStoreAdapter {
  /** Writes unless a higher fence has written or buried the key. Returns whether it was written. */
  setIfNewer(key: string, value: string, write: FencedWrite): Promise<boolean>;
  /** Removes the value, and refuses later writes with a lower fence. False if a higher fence was here before. */
  bury(key: string, fence: number): Promise<boolean>;
  health(): StoreHealth;
}

/** A value with its metadata, written together. */
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

/** How long buried keys are remembered: longer than any writer can be late. */
export const BURIED_MS = 30 * 24 * 3_600_000;

/** The namespace of a key. */
export function namespaceOf(key: string): string {
  return key.split(":", 1)[0]!;
}

/** The keys that `clear` and `iterator` act on. */
export function requireNamespace(namespace: string | undefined): string {
  if (namespace) return namespace;
  throw new TypeError(
    "Cannot clear or iterate a store without a namespace: it may contain other data than Keyv's",
  );
}
