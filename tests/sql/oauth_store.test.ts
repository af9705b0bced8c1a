import keyvTestSuite, { keyvIteratorTests } from "@keyv/test-suite";
import Keyv from "keyv";
import * as vitest from "vitest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { EncryptedStore, lookupOf } from "../../supabase/functions/_oauth/encrypted_store.ts";
import { FallbackStore } from "../../supabase/functions/_oauth/fallback_store.ts";
import { MemoryStore } from "../../supabase/functions/_oauth/memory_store.ts";
import { PostgresStore } from "../../supabase/functions/_oauth/postgres_store.ts";
import { RedisStore } from "../../supabase/functions/_oauth/redis_store.ts";
import type { TokenStore } from "../../supabase/functions/_oauth/token_store.ts";
import { EnvelopeError } from "../../supabase/functions/_shared/security/envelope.ts";
import { databaseCall, newKeyring } from "../support/oauth.ts";
import { needing } from "../support/needs.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";
import { connect } from "../support/stack.ts";

const withRedis = await needing("redis-server");

const sql = connect({ connections: 2 });
const keyring = newKeyring();
let redis: TestRedis;
let backends: Record<string, TokenStore>;

beforeAll(async () => {
  redis = await startRedis();
  backends = {
    "the database through REST": new PostgresStore(databaseCall()),
    "a Redis server": new RedisStore(redis.url),
    "memory": new MemoryStore(),
  };
});

afterAll(async () => {
  for (const backend of Object.values(backends)) await backend.disconnect?.();
  await redis.stop();
  await sql`delete from public.tokens where key like 'keyv%' or key like 'store-test%'`;
});

const NAMES = ["the database through REST", "a Redis server", "memory"];

describe.each(NAMES)("Keyv's own test suite on %s", withRedis, (name) => {
  // As it is used: encrypted, and with its memory for when the backend fails.
  const store = () => new EncryptedStore(new FallbackStore(backends[name]!, () => true), keyring);

  keyvTestSuite(vitest as never, Keyv as never, store as never);
  keyvIteratorTests(vitest as never, Keyv as never, store as never);
});

const newKey = () => `store-test:${crypto.randomUUID()}`;
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
/** Longer than a round trip takes on a busy machine. */
const SHORT_MS = 250;

describe.each(NAMES)("the store in %s", withRedis, (name) => {
  const open = (ring = keyring) => new EncryptedStore(backends[name]!, ring);

  it("returns what was written, many at once and in order, and undefined for missing keys", async () => {
    const store = open();
    const keys = Array.from({ length: 1_201 }, newKey);
    await store.setMany(keys.slice(1).map((key) => ({ key, value: `value of ${key}` })));
    expect(await store.getMany(keys)).toEqual([undefined, ...keys.slice(1).map((key) => `value of ${key}`)]);
    expect(await store.hasMany(keys.slice(0, 2))).toEqual([false, true]);
    expect(await store.deleteMany(keys)).toBe(true);
    expect(await store.hasMany(keys.slice(0, 2))).toEqual([false, false]);
  });

  it("reads a value until its end and not after it, with no cleanup in between", async () => {
    const [store, key, forever] = [open(), newKey(), newKey()];
    await store.set(key, "short", SHORT_MS);
    await store.setIfNewer(forever, "fenced and short", { ttlMs: SHORT_MS, fence: 1 });
    expect(await store.getMany([key, forever])).toEqual(["short", "fenced and short"]);
    await sleep(SHORT_MS + 5);
    expect(await store.getMany([key, forever])).toEqual([undefined, undefined]);
    expect(await store.has(key)).toBe(false);
    expect(await store.delete(key)).toBe(false);
  });

  it("forgets the end of a value that is rewritten without one", async () => {
    const [store, key] = [open(), newKey()];
    await store.set(key, "short", SHORT_MS);
    await store.set(key, "long");
    await sleep(SHORT_MS + 5);
    expect(await store.get(key)).toBe("long");
  });

  it("refuses a late writer: the highest fence stays, in whatever order 12 of them come", async () => {
    const [store, key] = [open(), newKey()];
    const fences = Array.from({ length: 12 }, (_, index) => index + 1).toSorted(() => Math.random() - 0.5);
    const written = await Promise.all(
      fences.map((fence) => store.setIfNewer(key, `version ${fence}`, { fence })),
    );
    expect(written[fences.indexOf(12)]).toBe(true);
    expect(await store.get(key)).toBe("version 12");
    expect(await store.setIfNewer(key, "late", { fence: 11 })).toBe(false);
    expect(await store.setIfNewer(key, "repeated", { fence: 12 })).toBe(true);
    expect(await store.get(key)).toBe("repeated");
  });

  it("restores nothing older than a burial, and accepts what is newer", async () => {
    const [store, key] = [open(), newKey()];
    await store.setIfNewer(key, "version 4", { fence: 4 });
    expect(await store.bury(key, 5)).toBe(true);
    expect(await store.get(key)).toBeUndefined();
    expect(await store.has(key)).toBe(false);
    expect(await store.setIfNewer(key, "late", { fence: 4 })).toBe(false);
    expect(await store.get(key)).toBeUndefined();
    expect(await store.setIfNewer(key, "version 6", { fence: 6 })).toBe(true);
    expect(await store.bury(key, 5)).toBe(false);
    expect(await store.get(key)).toBe("version 6");
  });

  it("ends with the burial when it races with writers of older fences (10 rounds)", async () => {
    const store = open();
    for (let round = 0; round < 10; round++) {
      const key = newKey();
      await Promise.all([
        store.setIfNewer(key, "version 1", { fence: 1 }),
        store.bury(key, 2),
        store.setIfNewer(key, "version 1 again", { fence: 1 }),
      ]);
      expect(await store.get(key)).toBeUndefined();
    }
  });

  it("does not decrypt a value that was moved to another key, or with another keyring", async () => {
    const [store, key, other] = [open(), newKey(), newKey()];
    await store.set(key, "a secret");
    const raw = await backends[name]!.get<string>(lookupOf(key)) as string;
    await backends[name]!.set(lookupOf(other), raw);
    await expect(store.get(other)).rejects.toThrow(EnvelopeError);
    await expect(open(newKeyring()).get(key)).rejects.toThrow(EnvelopeError);
    await expect(open(newKeyring("another")).get(key)).rejects.toThrow(EnvelopeError);
    expect(raw).not.toContain("secret");
  });

  it("shows the backend neither the value nor the user of the key", async () => {
    const [store, user] = [open(), crypto.randomUUID()];
    await store.set(`store-test:${user}`, "a secret");
    for await (const [key, value] of backends[name]!.iterator!<string>("store-test")) {
      expect(`${key} ${value}`).not.toContain(user);
      expect(value).toMatch(/^t1\./);
    }
  });

  it("clears one namespace alone, whatever stands in its name, and refuses to clear without one", async () => {
    const store = open();
    const names = ["store-test*", "store-test_", "store-testx", "store-test%"];
    for (const namespace of names) await store.set(`${namespace}:key`, namespace);
    store.namespace = names[0];
    await store.clear();
    expect(await store.getMany(names.map((namespace) => `${namespace}:key`)))
      .toEqual([undefined, ...names.slice(1)]);
    store.namespace = names[1];
    await store.clear();
    expect(await store.get("store-testx:key")).toBe("store-testx");
    store.namespace = undefined;
    await expect((async () => await store.clear())()).rejects.toThrow("without a namespace");
  });
});

describe("the table tokens", withRedis, () => {
  it("takes no value that can be read, not even from its owner", async () => {
    for (const data of [sql.json("plain"), sql.json({ access_token: "plain" }), sql.json(1)]) {
      await expect(sql`insert into public.tokens (key, token_data) values (${newKey()}, ${data})`)
        .rejects.toThrow("tokens_encrypted");
    }
  });

  it("does not show what has expired by the database's own clock", async () => {
    const key = newKey();
    const store = new PostgresStore(databaseCall());
    await store.set(key, "t1.x.x", 3_600_000);
    await sql`update public.tokens set expires_at = clock_timestamp() + interval '1 second' where key = ${key}`;
    expect(await store.get(key)).toBe("t1.x.x");
    await sql`update public.tokens set expires_at = clock_timestamp() where key = ${key}`;
    expect(await store.get(key)).toBeUndefined();
    expect(await store.delete(key)).toBe(false);
  });

  it("loses what has expired to the cleanup, and what was buried 30 days ago, nothing else", async () => {
    const store = new PostgresStore(databaseCall());
    const [expired, good, buried, longBuried] = [newKey(), newKey(), newKey(), newKey()];
    await store.set(expired, "t1.x.x", 1);
    await store.set(good, "t1.x.x", 3_600_000);
    await store.bury(buried, 1);
    await store.bury(longBuried, 1);
    await sql`update public.tokens set updated_at = now() - interval '31 days' where key = ${longBuried}`;
    await sleep(5);
    await sql`select private.cleanup_oauth_tokens()`;
    const left = await sql`select key from public.tokens where key in ${
      sql([expired, good, buried, longBuried])
    }`;
    expect(left.map(({ key }) => key).toSorted()).toEqual([good, buried].toSorted());
  });
});
