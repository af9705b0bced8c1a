import { afterAll, beforeEach, describe, expect, it } from "vitest";

import { EncryptedStore } from "../../supabase/functions/_oauth/encrypted_store.ts";
import { onTokenEvent, type TokenEvent } from "../../supabase/functions/_oauth/events.ts";
import { FallbackStore } from "../../supabase/functions/_oauth/fallback_store.ts";
import { RedisStore } from "../../supabase/functions/_oauth/redis_store.ts";
import { isUserKey, keyOf, type TokenOwner } from "../../supabase/functions/_oauth/token_owner.ts";
import { authorizeUser, expire, newKeyring, openBroker, providerOf, storedRecord } from "../support/oauth.ts";
import { startOpenIdProvider } from "../support/openid_provider.ts";
import { needing } from "../support/needs.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";
import { connect } from "../support/stack.ts";

const withRedis = await needing("redis-server");

const REDIRECT_URI = "http://127.0.0.1:9/callback";
const keyring = newKeyring();
const sql = connect({ connections: 1 });
const stores: RedisStore[] = [];
const servers: TestRedis[] = [];
const folders: string[] = [];
let events: TokenEvent[];
const endEvents = onTokenEvent((event) => events.push(event));

beforeEach(() => void (events = []));
afterAll(async () => {
  endEvents();
  for (const store of stores) await store.disconnect();
  for (const server of servers) await server.stop();
  for (const folder of folders) await Deno.remove(folder, { recursive: true });
});

/** A server that keeps its data when it ends, and can be restarted at the same port. */
async function openRedis(): Promise<{ url: string; stop(): Promise<void>; start(): Promise<void> }> {
  const folder = await Deno.makeTempDir({ prefix: "tessera-test-redis-" });
  folders.push(folder);
  const keeping = ["--dir", folder, "--appendonly", "yes", "--appendfsync", "always"];
  let server = await startRedis({ args: keeping });
  servers.push(server);
  const { url, port } = server;
  return {
    url,
    stop: () => server.stop(),
    async start() {
      server = await startRedis({ args: [...keeping, "--port", String(port)] });
      servers.push(server);
    },
  };
}

function openStore(url: string, mayKeep: (key: string) => boolean = () => true) {
  const backend = new RedisStore(url);
  stores.push(backend);
  return { backend, store: new EncryptedStore(new FallbackStore(backend, mayKeep), keyring) };
}

/** Asks until the store has noticed that its backend is back. */
async function recovered(store: EncryptedStore): Promise<void> {
  for (;;) {
    await store.get("test:anything").catch(() => undefined);
    if (store.health().state === "ok") return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe("a store whose Redis dies", withRedis, () => {
  it("goes on in memory, says so, and replays what was written meanwhile before it reads again", async () => {
    const redis = await openRedis();
    const { store } = openStore(redis.url);
    const other = openStore(redis.url).store;
    await store.set("test:old", "from before");
    await store.setIfNewer("test:buried", "version 1", { fence: 1 });
    await store.set("test:deleted", "from before");
    expect(store.health()).toMatchObject({ type: "redis", state: "ok", journalEntries: 0 });

    await redis.stop();
    expect(await store.setIfNewer("test:new", "version 7", { fence: 7, ttlMs: 60_000 })).toBe(true);
    expect(await store.get("test:new")).toBe("version 7");
    await store.set("test:short", "gone before the recovery", 1);
    await store.bury("test:buried", 2);
    await store.delete("test:deleted");
    // The backend's values may be revoked by now: they are served from nowhere.
    expect(await store.getMany(["test:old", "test:buried", "test:deleted"]))
      .toEqual([undefined, undefined, undefined]);
    expect(store.health()).toMatchObject({ state: "degraded", journalEntries: 4 });
    expect(events).toMatchObject([{ event: "store_degraded", of: "redis" }]);

    await redis.start();
    await recovered(store);
    expect(await store.getMany(["test:old", "test:new", "test:buried", "test:short", "test:deleted"]))
      .toEqual(["from before", "version 7", undefined, undefined, undefined]);
    expect(await other.get("test:new")).toBe("version 7");
    expect(store.health()).toMatchObject({ state: "ok", journalEntries: 0 });
    expect(events.at(-1)).toMatchObject({ event: "store_recovered", of: "redis", count: 4 });
    expect(JSON.stringify(events)).not.toContain("127.0.0.1");
  });

  it("keeps what others have written or buried meanwhile, as it is newer", async () => {
    const redis = await openRedis();
    const [{ store }, { store: other }] = [openStore(redis.url), openStore(redis.url)];
    await redis.stop();
    await store.setIfNewer("test:one", "version 3 from the journal", { fence: 3 });
    await store.setIfNewer("test:two", "version 3 from the journal", { fence: 3 });
    await redis.start();
    // The other process comes first.
    await recovered(other);
    await other.setIfNewer("test:one", "version 4", { fence: 4 });
    await other.bury("test:two", 4);
    await recovered(store);
    expect(await store.getMany(["test:one", "test:two"])).toEqual(["version 4", undefined]);
  });

  it("keeps nothing in memory that must not be kept, but still buries it", async () => {
    const redis = await openRedis();
    const { store } = openStore(redis.url, (key) => !key.startsWith("user:"));
    await store.setIfNewer("user:one", "version 1", { fence: 1 });
    await redis.stop();
    await expect(store.get("user:one")).rejects.toThrow("may not be kept in memory");
    await expect(store.setIfNewer("user:one", "version 2", { fence: 2 })).rejects.toThrow("may not be kept");
    await expect(store.getMany(["app:one", "user:one"])).rejects.toThrow("may not be kept");
    expect(await store.get("app:one")).toBeUndefined();
    expect(await store.bury("user:one", 3)).toBe(true);
    await redis.start();
    await recovered(store);
    expect(await store.get("user:one")).toBeUndefined();
    expect(await store.setIfNewer("user:one", "late", { fence: 2 })).toBe(false);
  });

  it("loses nothing to a server that dies again in the middle of the recovery", async () => {
    const redis = await openRedis();
    const { store } = openStore(redis.url);
    await redis.stop();
    const keys = Array.from({ length: 300 }, (_, index) => `test:${index}`);
    for (const key of keys) await store.setIfNewer(key, key, { fence: 1 });
    await redis.start();
    const asking = (async () => {
      while (store.health().journalEntries === keys.length) {
        await store.get("test:anything");
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    })();
    while (store.health().journalEntries === keys.length) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await redis.stop();
    await asking;
    await redis.start();
    await recovered(store);
    expect(await store.getMany(keys)).toEqual(keys);
  });
});

describe("tokens in a Redis that dies", withRedis, () => {
  it("the app's own go on, a user's are neither served nor refreshed, and what was revoked stays so", async () => {
    const redis = await openRedis();
    const openId = await startOpenIdProvider({ redirectUri: REDIRECT_URI });
    const process = () =>
      openBroker({ keyring, backend: openStore(redis.url, (key) => !isUserKey(key)).backend });
    const [test, other] = [process(), process()];
    const app: TokenOwner = { provider: providerOf(openId.settings("machine")) };
    const people = providerOf(openId.settings("people"));
    const [user, revoked] = [crypto.randomUUID(), crypto.randomUUID()]
      .map((subject) => ({ provider: people, subject })) as [Required<TokenOwner>, Required<TokenOwner>];
    try {
      await authorizeUser(test, openId, user, REDIRECT_URI);
      await authorizeUser(test, openId, revoked, REDIRECT_URI);
      await expire(test, user);
      const before = await test.broker.getAccessToken(app);
      openId.calls.length = 0;

      await redis.stop();
      const during = await test.broker.getAccessToken(app);
      expect(during.access_token).not.toBe(before.access_token);
      expect(await test.broker.getAccessToken(app)).toEqual(during);
      for (const owner of [user, revoked]) {
        await expect(test.broker.getAccessToken(owner)).rejects.toMatchObject({
          code: "service_unavailable",
        });
      }
      expect(openId.calls.map(({ grant }) => grant)).toEqual(["client_credentials"]);
      // Acknowledged, as Postgres has it; Redis itself does not hear of it from a process that ends now.
      await other.broker.revoke(revoked);

      await redis.start();
      await recovered(test.store as EncryptedStore);
      expect(await storedRecord(test, revoked)).toBeDefined();
      await expect(test.broker.getAccessToken(revoked)).rejects.toMatchObject({
        code: "authorization_required",
      });
      expect(await test.broker.getAccessToken(app)).toEqual(during);
      await expect(test.broker.getAccessToken(user)).resolves.toMatchObject({ token_type: "bearer" });
      expect(openId.reuses).toBe(0);
    } finally {
      await openId.stop();
      await sql`delete from private.oauth_leases where key in ${sql([app, user, revoked].map(keyOf))}`;
    }
  });
});
