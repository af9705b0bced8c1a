import type { RedisClientType } from "@redis/client";

import {
  BURIED_MS,
  type FencedWrite,
  requireNamespace,
  StoreError,
  type StoreHealth,
  type TokenStore,
} from "./token_store.ts";

const TIMEOUT_MS = 2_000;
const PAGE = 500;

/**
 * A value is stored as `<fence>|v<value>`, a buried key as `<fence>|x`; the fence is empty for writes without one.
 * Each script uses one key, so that it works in a cluster.
 */
const WRITE_IF_NEWER = `
local before = redis.call('get', KEYS[1])
local fence = before and tonumber(string.match(before, '^(%d+)|'))
if fence and fence > tonumber(ARGV[1]) then return 0 end
if ARGV[3] == '' then redis.call('set', KEYS[1], ARGV[1] .. '|' .. ARGV[2])
else redis.call('set', KEYS[1], ARGV[1] .. '|' .. ARGV[2], 'px', ARGV[3]) end
return 1`;

/** Returns whether there was a value; a buried key has none. */
const DELETE = `
local before = redis.call('get', KEYS[1])
redis.call('del', KEYS[1])
return before and string.match(before, '^%d*|v') and 1 or 0`;

/** A Redis server, version 5 or later, or a compatible one. Redis itself expires entries. */
export class RedisStore implements TokenStore {
  readonly opts = { dialect: "redis", url: "redis:" };
  namespace?: string;
  readonly #url: string;
  readonly #authority: string | undefined;
  #connecting: Promise<RedisClientType> | undefined;

  /** `authority`: the CA that signed the server's certificate, as PEM, if it is not a public CA. */
  constructor(url: string, authority?: string) {
    this.#url = url;
    this.#authority = authority;
  }

  on(): this {
    return this;
  }

  // deno-lint-ignore no-explicit-any
  async get(key: string): Promise<any> {
    return valueOf(await this.#ask((client) => client.get(key)));
  }

  // deno-lint-ignore no-explicit-any
  async getMany(keys: string[]): Promise<any[]> {
    if (keys.length === 0) return [];
    return (await this.#ask((client) => client.mGet(keys))).map(valueOf);
  }

  async set(key: string, value: string, ttl?: number): Promise<boolean> {
    await this.#ask((client) => client.set(key, `|v${value}`, expiring(ttl)));
    return true;
  }

  async setMany(values: { key: string; value: string; ttl?: number }[]): Promise<void> {
    await this.#ask((client) =>
      Promise.all(values.map(({ key, value, ttl }) => client.set(key, `|v${value}`, expiring(ttl))))
    );
  }

  setIfNewer(key: string, value: string, { ttlMs, fence }: FencedWrite): Promise<boolean> {
    return this.#write(key, `v${value}`, fence, ttlMs);
  }

  bury(key: string, fence: number): Promise<boolean> {
    return this.#write(key, "x", fence, BURIED_MS);
  }

  async delete(key: string): Promise<boolean> {
    return await this.#ask((client) => client.eval(DELETE, { keys: [key] })) === 1;
  }

  async deleteMany(keys: string[]): Promise<boolean> {
    const deleted = await Promise.all(keys.map((key) => this.delete(key)));
    return deleted.includes(true);
  }

  async has(key: string): Promise<boolean> {
    return await this.get(key) !== undefined;
  }

  async hasMany(keys: string[]): Promise<boolean[]> {
    return (await this.getMany(keys)).map((value) => value !== undefined);
  }

  async clear(): Promise<void> {
    for await (const keys of this.#pages(requireNamespace(this.namespace))) {
      if (keys.length > 0) await this.#ask((client) => client.unlink(keys));
    }
  }

  // deno-lint-ignore no-explicit-any
  async *iterator(namespace = this.namespace): AsyncGenerator<any, void> {
    const seen = new Set<string>(); // SCAN may return a key twice.
    for await (const keys of this.#pages(requireNamespace(namespace))) {
      const fresh = keys.filter((key) => !seen.has(key));
      fresh.forEach((key) => seen.add(key));
      const values = await this.getMany(fresh);
      for (const [index, key] of fresh.entries()) {
        if (values[index] !== undefined) yield [key, values[index]];
      }
    }
  }

  async disconnect(): Promise<void> {
    const connecting = this.#connecting;
    this.#connecting = undefined;
    const client = await connecting?.catch(() => undefined);
    if (client?.isOpen) await client.close();
  }

  health(): StoreHealth {
    return { type: "redis", state: "ok", journalEntries: 0 };
  }

  async #write(key: string, marked: string, fence: number, ttlMs: number | undefined): Promise<boolean> {
    const args = [String(fence), marked, ttlMs === undefined ? "" : String(Math.max(1, Math.ceil(ttlMs)))];
    return await this.#ask((client) => client.eval(WRITE_IF_NEWER, { keys: [key], arguments: args })) === 1;
  }

  async *#pages(namespace: string): AsyncGenerator<string[]> {
    const match = `${namespace.replaceAll(/[\\*?[\]]/g, "\\$&")}:*`;
    let cursor = "0";
    do {
      const at = cursor;
      const page = await this.#ask((client) => client.scan(at, { MATCH: match, COUNT: PAGE }));
      cursor = page.cursor;
      yield page.keys;
    } while (cursor !== "0");
  }

  async #ask<Result>(command: (client: RedisClientType) => Promise<Result>): Promise<Result> {
    try {
      const client = await (this.#connecting ??= this.#connect());
      return await withinTime(command(client));
    } catch (error) {
      void this.#giveUp();
      throw new StoreError("Redis cannot be reached", { cause: withoutAddress(error) });
    }
  }

  /** A failed connection is not reused: the next command opens a new one. */
  async #giveUp(): Promise<void> {
    const connecting = this.#connecting;
    this.#connecting = undefined;
    const client = await connecting?.catch(() => undefined);
    if (client?.isOpen) client.destroy();
  }

  async #connect(): Promise<RedisClientType> {
    const { createClient } = await import("@redis/client");
    const client = createClient({
      url: this.#url,
      disableOfflineQueue: true,
      // The next command connects again; commands must not queue meanwhile.
      socket: {
        connectTimeout: TIMEOUT_MS,
        reconnectStrategy: false,
        ...this.#authority === undefined ? {} : { tls: true, ca: this.#authority },
      },
    }) as unknown as RedisClientType;
    client.on("error", () => void this.#giveUp());
    await withinTime(client.connect());
    return client;
  }
}

function valueOf(stored: string | null): string | undefined {
  const bar = stored?.indexOf("|") ?? -1;
  return stored?.[bar + 1] === "v" ? stored.slice(bar + 2) : undefined;
}

function expiring(ttl: number | undefined): { expiration: { type: "PX"; value: number } } | undefined {
  return ttl === undefined ? undefined : { expiration: { type: "PX", value: Math.max(1, Math.ceil(ttl)) } };
}

/** A hanging Redis must not block a request. */
async function withinTime<Result>(work: Promise<Result>): Promise<Result> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  work.catch(() => {});
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`No answer within ${TIMEOUT_MS} ms`)), TIMEOUT_MS);
  });
  return await Promise.race([work, late]).finally(() => clearTimeout(timer));
}

/** REDIS_URL contains a password. */
function withoutAddress(error: unknown): Error {
  const { name, message } = error as Error;
  return new Error(`${name}: ${String(message).replaceAll(/rediss?:\/\/\S*/g, "[address]")}`);
}
