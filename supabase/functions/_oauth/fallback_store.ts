import { Circuit } from "./circuit.ts";
import { report } from "./events.ts";
import { MemoryStore } from "./memory_store.ts";
import {
  BURIED_MS,
  type FencedWrite,
  requireNamespace,
  type StoreEntry,
  StoreError,
  type StoreHealth,
  type TokenStore,
} from "./token_store.ts";

const MAX_ENTRIES = 10_000;

/** A write that the backend does not have yet. */
type Journaled = { kind: "delete" } | {
  kind: "write";
  value: string | null;
  expiresAtMs: number;
  fence: number | undefined;
};

/**
 * A store that continues in memory when its backend fails. Reads from memory see only what was written meanwhile:
 * others may have revoked what the backend held. Before the backend is used again, the journal of these writes is
 * replayed, each with its fence, so that newer values stay.
 */
export class FallbackStore implements TokenStore {
  readonly opts: { dialect: string; url: string };
  namespace?: string;
  readonly #backend: TokenStore;
  readonly #mayKeep: (key: string) => boolean;
  readonly #memory = new MemoryStore();
  readonly #journal = new Map<string, Journaled>();
  readonly #cleared = new Set<string>();
  readonly #circuit = new Circuit();
  #recovering: Promise<boolean> | undefined;

  /** `mayKeep`: whether a key may be kept in memory; for other keys the backend's failure is thrown. */
  constructor(backend: TokenStore, mayKeep: (key: string) => boolean) {
    this.opts = { ...backend.opts };
    this.#backend = backend;
    this.#mayKeep = mayKeep;
  }

  on(): this {
    return this;
  }

  // deno-lint-ignore no-explicit-any
  get(key: string): Promise<any> {
    return this.#either([key], () => this.#backend.get(key), () => this.#memory.get(key));
  }

  // deno-lint-ignore no-explicit-any
  getMany(keys: string[]): Promise<any[]> {
    return this.#either(keys, () => this.#backend.getMany!(keys), () => this.#memory.getMany(keys));
  }

  set(key: string, value: string, ttl?: number): Promise<boolean> {
    return this.#either(
      [key],
      () => this.#backend.set(key, value, ttl),
      () => this.#keep({ key, value, ttlMs: ttl }),
    );
  }

  setMany(values: { key: string; value: string; ttl?: number }[]): Promise<void> {
    const inMemory = () =>
      values.forEach(({ key, value, ttl }) => void this.#keep({ key, value, ttlMs: ttl }));
    return this.#either(values.map(({ key }) => key), () => this.#backend.setMany!(values), inMemory);
  }

  setIfNewer(key: string, value: string, write: FencedWrite): Promise<boolean> {
    return this.#either(
      [key],
      () => this.#backend.setIfNewer(key, value, write),
      () => this.#keep({ key, value, ...write }),
    );
  }

  /** Always journaled and replayed, even if the key may not be kept: a burial has no value. */
  bury(key: string, fence: number): Promise<boolean> {
    return this.#either(
      [],
      () => this.#backend.bury(key, fence),
      () => this.#keep({ key, value: null, ttlMs: BURIED_MS, fence }),
    );
  }

  delete(key: string): Promise<boolean> {
    return this.#either([], () => this.#backend.delete(key), () => this.#forget([key]));
  }

  deleteMany(keys: string[]): Promise<boolean> {
    return this.#either([], () => this.#backend.deleteMany!(keys), () => this.#forget(keys));
  }

  has(key: string): Promise<boolean> {
    return this.#either([key], () => this.#backend.has!(key), () => this.#memory.has(key));
  }

  hasMany(keys: string[]): Promise<boolean[]> {
    return this.#either(keys, () => this.#backend.hasMany!(keys), () => this.#memory.hasMany(keys));
  }

  clear(): Promise<void> {
    const namespace = requireNamespace(this.namespace);
    return this.#either([], () => this.#clearBackend(namespace), () => {
      for (const key of this.#journal.keys()) {
        if (key.startsWith(`${namespace}:`)) this.#journal.delete(key);
      }
      this.#cleared.add(namespace);
      this.#memory.namespace = namespace;
      return this.#memory.clear();
    });
  }

  // deno-lint-ignore no-explicit-any
  async *iterator(namespace = this.namespace): AsyncGenerator<any, void> {
    const isUsable = await this.#isUsable();
    yield* isUsable ? this.#backend.iterator!(namespace) : this.#memory.iterator(namespace);
  }

  async disconnect(): Promise<void> {
    await this.#backend.disconnect?.();
  }

  health(): StoreHealth {
    return {
      ...this.#backend.health(),
      state: this.#circuit.isFailing ? "degraded" : "ok",
      sinceMs: this.#circuit.sinceMs,
      journalEntries: this.#journal.size + this.#cleared.size,
    };
  }

  /** Uses the backend, or the memory if the backend fails and all keys may be kept there. */
  async #either<Result>(
    keys: string[],
    onBackend: () => Promise<Result>,
    inMemory: () => Result | Promise<Result>,
  ): Promise<Result> {
    let failure: unknown;
    if (await this.#isUsable()) {
      try {
        return await onBackend();
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        failure = error;
        this.#fail(error);
      }
    }
    if (keys.every(this.#mayKeep)) return await inMemory();
    throw new StoreError("The store cannot be reached, and these keys may not be kept in memory", {
      cause: failure,
    });
  }

  #fail(cause: unknown): void {
    if (this.#circuit.failed()) report({ event: "store_degraded", of: this.health().type, cause });
  }

  /** Whether the backend may be used; after a failure it first gets all missed writes. */
  async #isUsable(): Promise<boolean> {
    if (!this.#circuit.isFailing) return true;
    if (this.#circuit.isOpen) return false;
    this.#recovering ??= this.#recover().finally(() => this.#recovering = undefined);
    return await this.#recovering;
  }

  async #recover(): Promise<boolean> {
    const count = this.#journal.size + this.#cleared.size;
    try {
      if (count === 0) await this.#backend.has!("recovery:probe");
      while (this.#journal.size + this.#cleared.size > 0) await this.#replay();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#fail(error);
      return false;
    }
    this.#memory.empty();
    this.#circuit.succeeded();
    report({ event: "store_recovered", of: this.health().type, count });
    return true;
  }

  /** Each entry leaves the journal once the backend has it; entries that arrive meanwhile are replayed too. */
  async #replay(): Promise<void> {
    for (const namespace of this.#cleared) {
      await this.#clearBackend(namespace);
      this.#cleared.delete(namespace);
    }
    for (const [key, entry] of this.#journal) {
      await this.#replayOne(key, entry);
      if (this.#journal.get(key) === entry) this.#journal.delete(key);
    }
  }

  async #replayOne(key: string, entry: Journaled): Promise<void> {
    if (entry.kind === "delete") {
      await this.#backend.delete(key);
      return;
    }
    const ttlMs = entry.expiresAtMs === Infinity ? undefined : entry.expiresAtMs - Date.now();
    if (ttlMs !== undefined && ttlMs <= 0) return;
    const { value, fence } = entry;
    if (value === null) await this.#backend.bury(key, fence!);
    else if (fence === undefined) await this.#backend.set(key, value, ttlMs);
    else await this.#backend.setIfNewer(key, value, { ttlMs, fence });
  }

  #clearBackend(namespace: string): Promise<void> {
    this.#backend.namespace = namespace; // Several wrappers may share the backend.
    return this.#backend.clear();
  }

  #keep(entry: StoreEntry): boolean {
    const { key, value, ttlMs, fence } = entry;
    if (this.#journal.size >= MAX_ENTRIES && !this.#journal.has(key)) {
      throw new StoreError("The store cannot be reached, and the memory for what it misses is full");
    }
    if (!this.#memory.write(entry)) return false;
    const expiresAtMs = ttlMs === undefined ? Infinity : Date.now() + ttlMs;
    this.#journal.set(key, { kind: "write", value, expiresAtMs, fence });
    return true;
  }

  async #forget(keys: string[]): Promise<boolean> {
    for (const key of keys) this.#journal.set(key, { kind: "delete" });
    return await this.#memory.deleteMany(keys);
  }
}
