import type { CallDatabase, RpcArguments, RpcName } from "../_shared/database/rpc.ts";
import {
  type FencedWrite,
  requireNamespace,
  type StoreEntry,
  StoreError,
  type StoreHealth,
  type TokenStore,
} from "./token_store.ts";

/** One call of the database takes this many keys. */
const BATCH = 500;

/**
 * The table `tokens`, through REST. Keys are sent in bodies and never in URLs, which are limited in length and
 * logged.
 */
export class PostgresStore implements TokenStore {
  readonly opts = { dialect: "postgres", url: "postgres:" };
  namespace?: string;
  readonly #call: CallDatabase;

  constructor(call: CallDatabase) {
    this.#call = call;
  }

  on(): this {
    return this;
  }

  // deno-lint-ignore no-explicit-any
  async get(key: string): Promise<any> {
    return (await this.getMany([key]))[0];
  }

  // deno-lint-ignore no-explicit-any
  async getMany(keys: string[]): Promise<any[]> {
    const found = new Map<string, string>();
    for (const batch of batches(keys)) {
      const values = await this.#ask("read_tokens", { p_keys: batch }) as Record<string, string>;
      for (const [key, value] of Object.entries(values)) found.set(key, value);
    }
    return keys.map((key) => found.get(key));
  }

  async set(key: string, value: string, ttl?: number): Promise<boolean> {
    await this.write([{ key, value, ttlMs: ttl }]);
    return true;
  }

  async setMany(values: { key: string; value: string; ttl?: number }[]): Promise<void> {
    await this.write(values.map(({ key, value, ttl }) => ({ key, value, ttlMs: ttl })));
  }

  async setIfNewer(key: string, value: string, write: FencedWrite): Promise<boolean> {
    return (await this.write([{ key, value, ...write }])).has(key);
  }

  async bury(key: string, fence: number): Promise<boolean> {
    return (await this.write([{ key, value: null, fence }])).has(key);
  }

  async delete(key: string): Promise<boolean> {
    return await this.deleteMany([key]);
  }

  async deleteMany(keys: string[]): Promise<boolean> {
    let count = 0;
    for (const batch of batches(keys)) {
      count += await this.#ask("delete_tokens", { p_keys: batch }) as number;
    }
    return count > 0;
  }

  async has(key: string): Promise<boolean> {
    return await this.get(key) !== undefined;
  }

  async hasMany(keys: string[]): Promise<boolean[]> {
    return (await this.getMany(keys)).map((value) => value !== undefined);
  }

  async clear(): Promise<void> {
    await this.#ask("clear_tokens", { p_namespace: requireNamespace(this.namespace) });
  }

  // deno-lint-ignore no-explicit-any
  async *iterator(namespace = this.namespace): AsyncGenerator<any, void> {
    const p_namespace = requireNamespace(namespace);
    let p_after = "";
    for (;;) {
      const args = { p_namespace, p_after, p_limit: BATCH };
      const page = await this.#ask("list_tokens", args) as [string, string][];
      yield* page;
      if (page.length < BATCH) return;
      p_after = page.at(-1)![0];
    }
  }

  disconnect(): Promise<void> {
    return Promise.resolve();
  }

  health(): StoreHealth {
    return { type: "supabase", state: "ok", journalEntries: 0 };
  }

  /** Writes many entries. Returns which keys were written. */
  async write(entries: StoreEntry[]): Promise<Set<string>> {
    const written = new Set<string>();
    for (const batch of batches(entries)) {
      const p_entries = batch.map(({ key, value, ttlMs, fence }) => ({
        key,
        token_data: value,
        ttl_ms: ttlMs ?? null,
        fence: fence ?? null,
      }));
      const answer = await this.#ask("write_tokens", { p_entries }) as { written: string[] };
      for (const key of answer.written) written.add(key);
    }
    return written;
  }

  async #ask<Name extends RpcName>(name: Name, args: RpcArguments<Name>): Promise<unknown> {
    try {
      return await this.#call(name, args);
    } catch (error) {
      throw new StoreError("The database cannot be reached", { cause: error });
    }
  }
}

function batches<Item>(items: Item[]): Item[][] {
  return Array.from(
    { length: Math.ceil(items.length / BATCH) },
    (_, index) => items.slice(index * BATCH, (index + 1) * BATCH),
  );
}
