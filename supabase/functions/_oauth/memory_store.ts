import {
  BURIED_MS,
  type FencedWrite,
  requireNamespace,
  type StoreEntry,
  type StoreHealth,
  type TokenStore,
} from "./token_store.ts";

interface Kept {
  value: string | null;
  expiresAtMs: number;
  fence: number | undefined;
}

const WRITES_PER_SWEEP = 1_000;

/** A store only in this process: for tests, for development, and as the fallback. */
export class MemoryStore implements TokenStore {
  /** Keyv iterates only over dialects that it knows. */
  readonly opts = { dialect: "redis", url: "memory:" };
  namespace?: string;
  readonly #kept = new Map<string, Kept>();
  #writes = 0;

  on(): this {
    return this;
  }

  // deno-lint-ignore no-explicit-any
  get(key: string): Promise<any> {
    return Promise.resolve(this.#read(key));
  }

  // deno-lint-ignore no-explicit-any
  getMany(keys: string[]): Promise<any[]> {
    return Promise.resolve(keys.map((key) => this.#read(key)));
  }

  set(key: string, value: string, ttl?: number): Promise<boolean> {
    return Promise.resolve(this.write({ key, value, ttlMs: ttl }));
  }

  setMany(values: { key: string; value: string; ttl?: number }[]): Promise<void> {
    for (const { key, value, ttl } of values) this.write({ key, value, ttlMs: ttl });
    return Promise.resolve();
  }

  setIfNewer(key: string, value: string, write: FencedWrite): Promise<boolean> {
    return Promise.resolve(this.write({ key, value, ...write }));
  }

  bury(key: string, fence: number): Promise<boolean> {
    return Promise.resolve(this.write({ key, value: null, ttlMs: BURIED_MS, fence }));
  }

  delete(key: string): Promise<boolean> {
    const wasThere = this.#read(key) !== undefined;
    this.#kept.delete(key);
    return Promise.resolve(wasThere);
  }

  async deleteMany(keys: string[]): Promise<boolean> {
    const deleted = await Promise.all(keys.map((key) => this.delete(key)));
    return deleted.includes(true);
  }

  has(key: string): Promise<boolean> {
    return Promise.resolve(this.#read(key) !== undefined);
  }

  hasMany(keys: string[]): Promise<boolean[]> {
    return Promise.resolve(keys.map((key) => this.#read(key) !== undefined));
  }

  clear(): Promise<void> {
    const start = `${requireNamespace(this.namespace)}:`;
    for (const key of this.#kept.keys()) if (key.startsWith(start)) this.#kept.delete(key);
    return Promise.resolve();
  }

  // deno-lint-ignore no-explicit-any
  async *iterator(namespace = this.namespace): AsyncGenerator<any, void> {
    const start = `${requireNamespace(namespace)}:`;
    for (const key of [...this.#kept.keys()]) {
      const value = key.startsWith(start) ? this.#read(key) : undefined;
      if (value !== undefined) yield await Promise.resolve([key, value]);
    }
  }

  disconnect(): Promise<void> {
    return Promise.resolve();
  }

  health(): StoreHealth {
    return { type: "memory", state: "ok", journalEntries: 0 };
  }

  /** Writes synchronously, so that no other write can come between. */
  write({ key, value, ttlMs, fence }: StoreEntry): boolean {
    const before = this.#kept.get(key);
    if (fence !== undefined && before?.fence !== undefined && before.fence > fence) return false;
    this.#kept.set(key, {
      value,
      expiresAtMs: ttlMs === undefined ? Infinity : Date.now() + ttlMs,
      fence: fence ?? before?.fence,
    });
    if (++this.#writes % WRITES_PER_SWEEP === 0) this.#sweep();
    return true;
  }

  /** Forgets everything. */
  empty(): void {
    this.#kept.clear();
  }

  #read(key: string): string | undefined {
    const kept = this.#kept.get(key);
    if (kept === undefined || kept.value === null || kept.expiresAtMs <= Date.now()) return undefined;
    return kept.value;
  }

  #sweep(): void {
    for (const [key, { expiresAtMs }] of this.#kept) {
      if (expiresAtMs <= Date.now()) this.#kept.delete(key);
    }
  }
}
