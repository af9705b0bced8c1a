import type { TokenRecord } from "./token_record.ts";
import { StoreError, type StoreHealth, type TokenStore } from "./token_store.ts";

const WRITE_ATTEMPTS = 8;
const WRITE_PAUSE_MS = 500;

/** Versions of tokens in the store. */
export class Records {
  readonly #store: TokenStore;

  constructor(store: TokenStore) {
    this.#store = store;
  }

  health(): StoreHealth {
    return this.#store.health();
  }

  async read(key: string): Promise<TokenRecord | undefined> {
    const text: string | undefined = await this.#store.get(key) as string | undefined;
    return text === undefined ? undefined : JSON.parse(text);
  }

  /**
   * A lost new version may be the only one, so the write is retried while the lease lasts. Returns whether it is the
   * newest.
   */
  async write(key: string, record: TokenRecord, ttlMs: number | undefined): Promise<boolean> {
    for (let attempt = 1;; attempt++) {
      try {
        return await this.#store.setIfNewer(key, JSON.stringify(record), { ttlMs, fence: record.fence });
      } catch (error) {
        if (attempt === WRITE_ATTEMPTS || !(error instanceof StoreError)) throw error;
        await new Promise((resolve) => setTimeout(resolve, WRITE_PAUSE_MS));
      }
    }
  }

  /** A failed burial is in the store's journal, and the fence is revoked anyway. */
  async bury(key: string, fence: number): Promise<void> {
    await this.#store.bury(key, fence).catch((error) => {
      if (!(error instanceof StoreError)) throw error;
    });
  }
}
