import { createHash } from "node:crypto";

import { open, seal } from "../_shared/security/envelope.ts";
import type { Keyring } from "../_shared/security/keyring.ts";
import type { FencedWrite, StoreHealth, TokenStore } from "./token_store.ts";

/**
 * A store whose backend sees neither values nor keys: each value is an envelope bound to its key, and each key is a
 * digest of the part after the namespace. The namespace stays readable, as backends clear and list by it. Reading a
 * value that was moved to another key throws EnvelopeError.
 */
export class EncryptedStore implements TokenStore {
  readonly opts: { dialect: string; url: string };
  namespace?: string;
  readonly #inner: TokenStore;
  readonly #keyring: Keyring;

  constructor(inner: TokenStore, keyring: Keyring) {
    this.opts = { ...inner.opts };
    this.#inner = inner;
    this.#keyring = keyring;
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
    const lookups = keys.map(lookupOf);
    const found = await this.#inner.getMany!<string>(lookups) as (string | undefined)[];
    return await Promise.all(
      found.map(async (envelope, index) => envelope && (await this.#open(lookups[index]!, envelope)).value),
    );
  }

  async set(key: string, value: unknown, ttl?: number): Promise<boolean> {
    return await this.#inner.set(lookupOf(key), await this.#seal(key, value), ttl);
  }

  async setMany(values: { key: string; value: unknown; ttl?: number }[]): Promise<void> {
    await this.#inner.setMany!(
      await Promise.all(values.map(async ({ key, value, ttl }) => ({
        key: lookupOf(key),
        value: await this.#seal(key, value),
        ttl,
      }))),
    );
  }

  async setIfNewer(key: string, value: string, write: FencedWrite): Promise<boolean> {
    return await this.#inner.setIfNewer(lookupOf(key), await this.#seal(key, value), write);
  }

  bury(key: string, fence: number): Promise<boolean> {
    return this.#inner.bury(lookupOf(key), fence);
  }

  delete(key: string): Promise<boolean> {
    return this.#inner.delete(lookupOf(key));
  }

  deleteMany(keys: string[]): Promise<boolean> {
    return this.#inner.deleteMany!(keys.map(lookupOf));
  }

  has(key: string): Promise<boolean> {
    return this.#inner.has!(lookupOf(key));
  }

  hasMany(keys: string[]): Promise<boolean[]> {
    return this.#inner.hasMany!(keys.map(lookupOf));
  }

  clear(): Promise<void> {
    this.#inner.namespace = this.namespace; // Several wrappers may share the inner store.
    return this.#inner.clear();
  }

  // deno-lint-ignore no-explicit-any
  async *iterator(namespace = this.namespace): AsyncGenerator<any, void> {
    for await (const [lookup, envelope] of this.#inner.iterator!<string>(namespace)) {
      const { key, value } = await this.#open(lookup as string, envelope as string);
      yield [key, value];
    }
  }

  async disconnect(): Promise<void> {
    await this.#inner.disconnect?.();
  }

  health(): StoreHealth {
    return this.#inner.health();
  }

  #seal(key: string, value: unknown): Promise<string> {
    return seal(this.#keyring, JSON.stringify([key, value]), placeOf(lookupOf(key)));
  }

  async #open(lookup: string, envelope: string): Promise<{ key: string; value: unknown }> {
    const [key, value] = JSON.parse(await open(this.#keyring, envelope, placeOf(lookup)));
    return { key, value };
  }
}

/** The backend's key for a key. */
export function lookupOf(key: string): string {
  const colon = key.indexOf(":");
  const digest = createHash("sha256").update(key.slice(colon + 1)).digest("hex");
  return colon < 0 ? digest : `${key.slice(0, colon)}:${digest}`;
}

/** The place to which the envelope under a backend's key is bound. */
export function placeOf(lookup: string): string {
  return `tokens/${lookup}`;
}
