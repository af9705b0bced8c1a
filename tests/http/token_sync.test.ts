import process from "node:process";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";

import { open } from "../../supabase/functions/_shared/security/envelope.ts";
import type { VaultDatabase } from "../../supabase/functions/_vault/database.ts";
import { fingerprintSalt } from "../../supabase/functions/_vault/fingerprints.ts";
import { rotateVault } from "../../supabase/functions/_vault/rotation.ts";
import { SourceError, type VaultSource } from "../../supabase/functions/_vault/source.ts";
import { type SyncOptions, type SyncResult, syncVault } from "../../supabase/functions/_vault/sync.ts";
import { needing } from "../support/needs.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";
import { connect } from "../support/stack.ts";
import {
  inSeconds,
  jwt,
  keyringOf,
  newKeyText,
  newSourceName,
  newTrader,
  openClient,
  openCuttingProxy,
  openSource,
  PLENTY,
  type RedisClient,
  restDatabase,
} from "../support/vault.ts";

const withRedis = await needing("redis-server");

const sql = connect({ connections: 6 });
const database = restDatabase();
const keyring = keyringOf(newKeyText(`sync-${crypto.randomUUID().slice(0, 8)}`));

let redis: TestRedis;
let client: RedisClient;
const sourceNames: string[] = [];

beforeAll(async () => {
  redis = await startRedis();
  client = await openClient(redis.url);
});

afterAll(async () => {
  client?.destroy();
  await redis?.stop();
  await sql`delete from public.tradovate_tokens where source in ${sql(sourceNames)}`;
  await sql`delete from private.token_rejections where source in ${sql(sourceNames)}`;
  await sql`delete from private.token_syncs where source in ${sql(sourceNames)}`;
});

/** Many steps with few keys. */
const SLOW = { pageKeys: 20, batchKeys: 60, chunkKeys: 25 };

/** Keys of one test in an empty Redis, and their syncs. */
class World {
  readonly sourceName = newSourceName();
  readonly trader = newTrader();
  private count = 0;

  static async open(): Promise<World> {
    await client.flushAll();
    const world = new World();
    sourceNames.push(world.sourceName);
    return world;
  }

  newAccount(): string {
    return `PAAPEX${this.trader}${String(++this.count).padStart(7, "0")}`;
  }

  async set(
    value: string = jwt({ exp: inSeconds(3_600) }),
    { account = this.newAccount(), ttlS = 3_600 } = {},
  ) {
    await client.set(`token:${account}`, value, ttlS > 0 ? { EX: ttlS } : {});
    return { account, token: value };
  }

  /** Many tokens at once. */
  async fill(count: number): Promise<string[]> {
    const accounts = Array.from({ length: count }, () => this.newAccount());
    const pairs = accounts.flatMap((account) => [`token:${account}`, jwt({ exp: inSeconds(3_600) })]);
    await client.sendCommand(["MSET", ...pairs]);
    return accounts;
  }

  async sync(
    options: Partial<SyncOptions> & { url?: string; mode?: "lua" | "plain" } = {},
  ): Promise<SyncResult> {
    const { url = redis.url, mode, ...others } = options;
    const source = options.source ?? await openSource(url, mode);
    try {
      return await syncVault({
        source,
        sourceName: this.sourceName,
        database,
        keyring,
        budget: PLENTY,
        ...others,
      });
    } finally {
      await source.close();
    }
  }

  async rows() {
    return await sql`select * from public.tradovate_tokens where source = ${this.sourceName} order by account_name`;
  }

  async row(account: string) {
    const [row] = await sql`select * from public.tradovate_tokens where account_name = ${account}`;
    return row!;
  }

  async state() {
    const [state] = await sql`select * from private.token_syncs where source = ${this.sourceName}`;
    return state!;
  }
}

/** A database whose calls a test may stop before they are made. */
function withPause(name: keyof VaultDatabase): {
  database: VaultDatabase;
  reached: Promise<void>;
  go(): void;
} {
  const reached = Promise.withResolvers<void>();
  const passed = Promise.withResolvers<void>();
  const call = database[name] as (args: unknown) => Promise<unknown>;
  return {
    database: {
      ...database,
      [name]: async (args: unknown) => {
        reached.resolve();
        await passed.promise;
        return await call(args);
      },
    },
    reached: reached.promise,
    go: passed.resolve,
  };
}

describe.each(["lua", "plain"] as const)("a sync in mode %s", withRedis, (mode) => {
  it("stores tokens encrypted, maps accounts, and neither fetches nor writes what has not changed", async () => {
    const world = await World.open();
    const sub = await world.set();
    const json = await world.set(JSON.stringify({ access_token: "opaque", x: 1 }), { ttlS: 600 });
    const main = await world.set(undefined, { account: `APEX_${world.trader}` });
    const first = await world.sync({ mode });
    expect(first).toMatchObject({ synced: 3, unchanged: 0, deactivated: 0, rejected: 0, isComplete: true });
    expect(first.accounts.toSorted()).toEqual([main.account, sub.account, json.account].toSorted());

    const rows = await world.rows();
    expect(rows.map(({ account_name, main_account }) => [account_name, main_account])).toEqual(
      [main, sub, json].map(({ account }) => [account, `APEX_${world.trader}`]),
    );
    expect(await open(keyring, rows[1]!.access_token, sub.account)).toBe(sub.token);
    expect(await open(keyring, rows[2]!.access_token, json.account)).toBe("opaque");
    await expect(open(keyring, rows[1]!.access_token, json.account)).rejects.toThrow(
      "belongs to another row",
    );
    expect(JSON.stringify(rows)).not.toContain(sub.token.split(".")[2]);
    expect(rows.map(({ token_length }) => token_length)).toEqual([main.token.length, sub.token.length, 6]);
    const mappings = await sql`
      select redis_key, key_type from public.token_key_mappings where main_account = ${`APEX_${world.trader}`}
      order by redis_key`;
    expect([...mappings]).toEqual([
      { redis_key: `token:${main.account}`, key_type: "main" },
      { redis_key: `token:${sub.account}`, key_type: "sub_account" },
      { redis_key: `token:${json.account}`, key_type: "sub_account" },
    ]);

    const versions = () =>
      sql`select xmin::text, ctid::text from public.tradovate_tokens where source = ${world.sourceName}`;
    const before = await versions();
    let fetches = 0;
    const source = await openSource(redis.url, mode);
    if (mode === "lua") {
      const values = source.values.bind(source);
      source.values = (...args) => (fetches++, values(...args));
    }
    expect(await world.sync({ source })).toMatchObject({
      synced: 0,
      unchanged: 3,
      deactivated: 0,
      isComplete: true,
    });
    expect(await versions()).toEqual(before);
    expect(fetches).toBe(0);
  });

  it("takes the end of a token from its exp, else from the TTL, else from nowhere, by the database's clock", async () => {
    const world = await World.open();
    const exp = inSeconds(1_234);
    const [byExp, byTtl, never, over] = [
      await world.set(jwt({ exp })),
      await world.set(jwt(), { ttlS: 777 }),
      await world.set(jwt(), { ttlS: 0 }),
      await world.set(jwt({ exp: inSeconds(-60) })),
    ];
    await world.sync({ mode });
    expect((await world.row(byExp.account)).expires_at).toEqual(new Date(exp * 1_000));
    const [{ left }] = await sql`
      select extract(epoch from expires_at - clock_timestamp())::float8 as left from public.tradovate_tokens
      where account_name = ${byTtl.account}` as unknown as [{ left: number }];
    expect(left).toBeGreaterThan(740);
    expect(left).toBeLessThanOrEqual(777);
    expect(await world.row(never.account)).toMatchObject({
      expires_at: null,
      is_active: true,
      expiry_source: "none",
    });
    expect(await world.row(over.account)).toMatchObject({ is_active: false, inactive_reason: "expired" });
  });

  it("reads a token that other programs have quoted, and its end as the field beside it says", async () => {
    const world = await World.open();
    const token = jwt();
    const end = new Date(inSeconds(900) * 1_000).toISOString();
    const [quoted, object, lifetime, unknown] = [
      await world.set(JSON.stringify(`Bearer ${token}`), { ttlS: 0 }),
      await world.set(JSON.stringify(JSON.stringify({ accessToken: token, expirationTime: end })), {
        ttlS: 300,
      }),
      await world.set(JSON.stringify({ token, expires_in: 4_000 }), { ttlS: 300 }),
      await world.set(JSON.stringify({ token, expires_in: 4_000 }), { ttlS: 0 }),
    ];
    expect(await world.sync({ mode })).toMatchObject({ synced: 4, rejected: 0 });
    const rows = await Promise.all(
      [quoted, object, lifetime, unknown].map(({ account }) => world.row(account)),
    );
    for (const row of rows) expect(await open(keyring, row.access_token, row.account_name)).toBe(token);
    expect(rows.map(({ expiry_source }) => expiry_source)).toEqual(["none", "field", "ttl", "field"]);
    expect(rows[1]!.expires_at).toEqual(new Date(end));
    expect(rows[3]!.expires_at.getTime()).toBeGreaterThan(inSeconds(3_900) * 1_000);
    expect(await world.sync({ mode })).toMatchObject({ synced: 0, unchanged: 4 });
    expect((await world.row(object.account)).expires_at).toEqual(new Date(end));
  });

  it("rejects an invalid value, keeps the previous token, and does not fetch the value again", async () => {
    const world = await World.open();
    const known = await world.set();
    await world.sync({ mode });
    await world.set("error: login failed", { account: known.account });
    const words = await world.set("hello");
    const list = world.newAccount();
    await client.rPush(`token:${list}`, "x");
    const long = await world.set("x".repeat(20_000));
    const bytes = world.newAccount();
    await client.set(`token:${bytes}`, Buffer.from([0xff, 0xfe, 0x00, 0x80]));
    await client.set("token:two words", jwt());
    await client.set("token:", jwt());
    expect(await world.sync({ mode })).toMatchObject({
      synced: 0,
      rejected: 5,
      unusableNames: 2,
      deactivated: 0,
    });
    expect(await world.row(known.account)).toMatchObject({ is_active: true });
    const reasons = await sql`
      select account_name, reason from private.token_rejections where source = ${world.sourceName} order by account_name`;
    expect(Object.fromEntries(reasons.map(({ account_name, reason }) => [account_name, reason]))).toEqual({
      [known.account]: "neither a JWT nor JSON",
      [words.account]: "neither a JWT nor JSON",
      [list]: "not a string in Redis",
      [long.account]: "longer than 16384 bytes",
      [bytes]: "neither a JWT nor JSON",
    });
    expect(await world.sync({ mode })).toMatchObject({
      synced: 0,
      rejected: 0,
      unchanged: 0,
      deactivated: 0,
    });
    await world.set(undefined, { account: words.account });
    await client.del([`token:${list}`, `token:${long.account}`]);
    expect(await world.sync({ mode })).toMatchObject({ synced: 1, rejected: 0, deactivated: 0 });
    const left =
      await sql`select account_name from private.token_rejections where source = ${world.sourceName}`;
    expect(left.map(({ account_name }) => account_name).toSorted()).toEqual(
      [known.account, bytes].toSorted(),
    );
  });

  it("deactivates a token whose key is gone, and activates it again when the key is back", async () => {
    const world = await World.open();
    const [stays, goes] = [await world.set(), await world.set()];
    await world.sync({ mode });
    await client.del(`token:${goes.account}`);
    expect(await world.sync({ mode })).toMatchObject({ deactivated: 1, unchanged: 1 });
    expect(await world.row(goes.account)).toMatchObject({ is_active: false, inactive_reason: "gone" });
    expect(await world.row(stays.account)).toMatchObject({ is_active: true });
    await world.set(goes.token, { account: goes.account });
    expect(await world.sync({ mode })).toMatchObject({ synced: 0, unchanged: 2, deactivated: 0 });
    expect(await world.row(goes.account)).toMatchObject({ is_active: true, inactive_reason: null });
  });
});

describe("a sync", withRedis, () => {
  it("moves the end of a token whose TTL was renewed, without fetching it", async () => {
    const world = await World.open();
    const { account } = await world.set(jwt(), { ttlS: 60 });
    await world.sync();
    const before = await world.row(account);
    await client.expire(`token:${account}`, 600);
    expect(await world.sync()).toMatchObject({ synced: 0, unchanged: 1 });
    const after = await world.row(account);
    expect(after.expires_at - before.expires_at).toBeGreaterThan(500_000);
    expect(after.access_token).toBe(before.access_token);
    await client.persist(`token:${account}`);
    await world.sync();
    expect((await world.row(account)).expires_at).toBeNull();
  });

  it("leaves a token alone that an operator has deactivated, and stores its new value nevertheless", async () => {
    const world = await World.open();
    const { account } = await world.set();
    await world.sync();
    await sql`update public.tradovate_tokens set is_active = false where account_name = ${account}`;
    await world.sync();
    expect((await world.row(account)).is_active).toBe(false);
    const renewed = await world.set(undefined, { account });
    await world.sync();
    const row = await world.row(account);
    expect(row.is_active).toBe(false);
    expect(await open(keyring, row.access_token, account)).toBe(renewed.token);
  });

  it("that runs out of its budget goes on at the next call, and deactivates nothing before its end", async () => {
    const world = await World.open();
    const accounts = await world.fill(600);
    const options = { budget: { wallMs: 0, cpuMs: 60_000 }, pace: SLOW };
    const results = [await world.sync(options)];
    expect(results[0]).toMatchObject({ isComplete: false, isContinued: false, deactivated: 0 });
    await client.del(`token:${accounts[0]}`);
    while (!results.at(-1)!.isComplete) results.push(await world.sync(options));
    expect(results.length).toBeGreaterThan(1);
    expect(results.slice(1).every(({ isContinued }) => isContinued)).toBe(true);
    const stored = results.reduce((sum, { synced }) => sum + synced, 0);
    expect(stored).toBeGreaterThanOrEqual(599);
    const [{ active }] = await sql`
      select count(*)::integer as active from public.tradovate_tokens
      where source = ${world.sourceName} and is_active` as unknown as [{ active: number }];
    // The deleted key may have been read before it went; then only the next scan knows.
    expect(active).toBe(stored);

    const warm = await world.sync();
    expect(warm).toMatchObject({
      synced: 0,
      unchanged: 599,
      deactivated: stored - 599,
      isComplete: true,
    });
    expect((await world.state()).completed_key_count).toBe("599");
    expect((await sql`select from private.token_sync_pages where source = ${world.sourceName}`).length).toBe(
      0,
    );
  });

  it.each(["lua", "plain"] as const)(
    "counts its work if the platform does not report CPU time, and pauses in time (%s)",
    async (mode) => {
      const world = await World.open();
      await world.fill(600);
      const cpuUsage = vi.spyOn(process, "cpuUsage").mockReturnValue({ user: 0, system: 0 });
      try {
        const options = { mode, budget: { wallMs: 60_000, cpuMs: 340 }, pace: SLOW };
        const results = [await world.sync(options)];
        while (!results.at(-1)!.isComplete) results.push(await world.sync(options));
        expect(results.length).toBeGreaterThan(1);
        expect(results.reduce((sum, { synced }) => sum + synced, 0)).toBe(600);
        // It stops within a step or two of the budget.
        for (const { countedCpuMs } of results) expect(countedCpuMs).toBeLessThan(380);
      } finally {
        cpuUsage.mockRestore();
      }
    },
  );

  it("begins again when the server is another one, as a cursor means nothing there", async () => {
    const world = await World.open();
    await world.fill(200);
    expect((await world.sync({ budget: { wallMs: 0, cpuMs: 60_000 }, pace: SLOW })).isComplete).toBe(false);
    const other = await startRedis();
    try {
      expect(await world.sync({ url: other.url })).toMatchObject({ isContinued: false, isComplete: true });
    } finally {
      await other.stop();
    }
  });

  it.each(["lua", "plain"] as const)(
    "whose Redis goes away in the middle (%s) stores nothing half, and the next one goes on",
    async (mode) => {
      const world = await World.open();
      await world.fill(400);
      const proxy = await openCuttingProxy(redis.port, mode === "lua" ? 80_000 : 90_000);
      try {
        await expect(world.sync({ url: proxy.url, mode, pace: SLOW })).rejects.toThrow(SourceError);
      } finally {
        proxy.close();
      }
      const rows = await world.rows();
      expect(rows.length).toBeGreaterThan(0);
      expect(rows.length).toBeLessThan(400);
      for (const row of rows) expect(await open(keyring, row.access_token, row.account_name)).toMatch(/^eyJ/);
      const results = [await world.sync({ mode })];
      expect(results[0]!.synced + results[0]!.unchanged + rows.length).toBeGreaterThanOrEqual(400);
      expect(results[0]).toMatchObject({ isComplete: true, deactivated: 0 });
      expect(await world.rows()).toHaveLength(400);
    },
  );

  it("counts a key that SCAN returns twice once, and skips one that expires between two commands", async () => {
    const world = await World.open();
    const [stays, ends] = [await world.set(), await world.set()];
    const source = await openSource(redis.url);
    const page = source.page.bind(source);
    source.page = async (...args) => {
      const once = await page(...args);
      const twice = (list: string) => `${list},${list}`;
      return {
        ...once,
        names: twice(once.names),
        fingerprints: twice(once.fingerprints),
        ttlsMs: twice(once.ttlsMs),
      };
    };
    const values = source.values.bind(source);
    source.values = async (...args) => {
      await client.del(`token:${ends.account}`);
      return await values(...args);
    };
    expect(await world.sync({ source })).toMatchObject({ synced: 1, vanished: 1, isComplete: true });
    expect((await world.rows()).map(({ account_name }) => account_name)).toEqual([stays.account]);
  });

  it("stores nothing with another key under a known id, and says so", async () => {
    const world = await World.open();
    await world.set();
    await world.sync();
    const sameId = keyringOf(newKeyText(keyring.active.id));
    const { account } = await world.set();
    await expect(world.sync({ keyring: sameId })).rejects.toThrow(
      `The key ${keyring.active.id} in TOKEN_ENCRYPTION_KEYS`,
    );
    expect(await sql`select from public.tradovate_tokens where account_name = ${account}`).toHaveLength(0);
  });

  it("makes the same fingerprints in Redis as outside of it", async () => {
    const world = await World.open();
    await world.set();
    await world.set("ÄÖÜ €");
    await client.set(`token:${world.newAccount()}`, Buffer.from([0xff, 0x00, 0xfe]));
    const salt = fingerprintSalt(keyring);
    const fingerprintsOf = async (source: VaultSource) => {
      const page = await source.page("0", salt, 100);
      await source.close();
      const names = page.names.split(",");
      return Object.fromEntries(page.fingerprints.split(",").map((one, index) => [names[index], one]));
    };
    const inRedis = await fingerprintsOf(await openSource(redis.url, "lua"));
    expect(Object.keys(inRedis)).toHaveLength(3);
    expect(await fingerprintsOf(await openSource(redis.url, "plain"))).toEqual(inRedis);
  });
});

describe("races", withRedis, () => {
  it("two syncs at once: one works, the other gets Retry-After", async () => {
    const world = await World.open();
    await world.fill(50);
    const pause = withPause("diff_provider_tokens");
    const first = world.sync({ database: pause.database });
    await pause.reached;
    await expect(world.sync()).rejects.toMatchObject({ code: "request_in_progress" });
    pause.go();
    expect(await first).toMatchObject({ synced: 50, isComplete: true });
    expect(await world.sync()).toMatchObject({ synced: 0, unchanged: 50 });
  });

  it("a sync that lost its lease to another one writes nothing more, and deactivates nothing", async () => {
    const world = await World.open();
    const [{ account }] = [await world.set()];
    const pause = withPause("put_provider_tokens");
    const slow = world.sync({ database: pause.database });
    await pause.reached;
    // As if its process had stood still for longer than the lease.
    await sql`update private.token_syncs set lease_until = clock_timestamp() - interval '1 s' where source = ${world.sourceName}`;
    const renewed = await world.set(undefined, { account });
    expect(await world.sync()).toMatchObject({ synced: 1, isComplete: true });
    pause.go();
    await expect(slow).rejects.toMatchObject({ code: "request_in_progress" });
    expect(await open(keyring, (await world.row(account)).access_token, account)).toBe(renewed.token);
  });

  it("a late finish of a lost sync does not deactivate what the newer one has found", async () => {
    const world = await World.open();
    const pause = withPause("finish_token_sync");
    const slow = world.sync({ database: pause.database }); // of an empty Redis
    await pause.reached;
    await sql`update private.token_syncs set lease_until = clock_timestamp() - interval '1 s' where source = ${world.sourceName}`;
    const { account } = await world.set();
    await world.sync();
    pause.go();
    await expect(slow).rejects.toMatchObject({ code: "request_in_progress" });
    expect((await world.row(account)).is_active).toBe(true);
  });

  it("sync against cleanup: a token that was renewed meanwhile stays active", async () => {
    const world = await World.open();
    const { account } = await world.set(jwt({ exp: inSeconds(3_600) }));
    await world.sync();
    await sql`update public.tradovate_tokens set expires_at = clock_timestamp() - interval '1 s' where account_name = ${account}`;
    await world.set(undefined, { account });
    // The sync's transaction has written the row and is not over when the cleanup comes.
    const written = Promise.withResolvers<void>();
    const cleaned = Promise.withResolvers<void>();
    const syncing = sql.begin(async (transaction) => {
      await transaction`
        update public.tradovate_tokens set expires_at = clock_timestamp() + interval '1 hour' where account_name = ${account}`;
      written.resolve();
      await cleaned.promise;
    });
    await written.promise;
    await sql`select public.cleanup_provider_tokens()`;
    cleaned.resolve();
    await syncing;
    await sql`select public.cleanup_provider_tokens()`;
    expect((await world.row(account)).is_active).toBe(true);
    expect(await world.sync()).toMatchObject({ synced: 1 });
  });

  it("many syncs, cleanups and rotations at once end without a deadlock and with every token readable", async () => {
    const world = await World.open();
    const accounts = await world.fill(60);
    const newest = newKeyText(`race-${crypto.randomUUID().slice(0, 8)}`);
    const old = newKeyText(`old-${crypto.randomUUID().slice(0, 8)}`);
    const [before, after] = [keyringOf(old), keyringOf(newest, old)];
    await world.sync({ keyring: before });
    const work = Array.from({ length: 6 }, async (_, index) => {
      for (let round = 0; round < 3; round++) {
        if (index < 2) {
          await client.set(`token:${accounts[round]}`, jwt({ exp: inSeconds(3_600) }));
          await world.sync({ keyring: index ? after : before }).catch((error) => {
            if (error.code !== "request_in_progress") throw error;
          });
        } else if (index < 4) await sql`select public.cleanup_provider_tokens()`;
        else await rotateOwn(world, after);
      }
    });
    await Promise.all(work);
    await world.sync({ keyring: after });
    await rotateOwn(world, after);
    for (const row of await world.rows()) {
      expect(await open(keyringOf(newest), row.access_token, row.account_name)).toMatch(/^eyJ/);
    }
  });
});

/** Rotates the tokens of one test only: other tests have keys of their own. */
async function rotateOwn(world: World, keyring: SyncOptions["keyring"], own: VaultDatabase = database) {
  return await rotateVault({
    keyring,
    keyName: "test",
    requestId: crypto.randomUUID(),
    database: { ...own, provider_tokens_to_rotate: (args) => ownTokens(world, args, own) },
  });
}

async function ownTokens(
  world: World,
  args: Parameters<VaultDatabase["provider_tokens_to_rotate"]>[0],
  own: VaultDatabase,
) {
  let after = args.p_after;
  for (;;) {
    const batch = await own.provider_tokens_to_rotate({ ...args, p_after: after });
    const mine = batch.filter(({ account_name }) => account_name.includes(world.trader));
    if (mine.length > 0 || batch.length === 0) return mine;
    after = batch.at(-1)!.account_name;
  }
}

describe("a key rotation", withRedis, () => {
  it("encrypts all again under the active key, changes nothing else, and reads work meanwhile", async () => {
    const world = await World.open();
    const accounts = await world.fill(30);
    const [oldKey, newKey] = [
      newKeyText(`a-${crypto.randomUUID().slice(0, 8)}`),
      newKeyText(`b-${crypto.randomUUID().slice(0, 8)}`),
    ];
    const [before, both] = [keyringOf(oldKey), keyringOf(newKey, oldKey)];
    await world.sync({ keyring: before });
    const rowsBefore = await world.rows();
    const pause = withPause("rotate_provider_tokens");
    const rotating = rotateOwn(world, both, pause.database);
    await pause.reached;
    // In the middle of it: what is not rotated yet is readable with the list of both keys.
    for (const row of await world.rows()) {
      expect(await open(both, row.access_token, row.account_name)).toMatch(/^eyJ/);
    }
    // And a token that is renewed now is not overwritten by its older self.
    const renewed = await world.set(undefined, { account: accounts[0]! });
    await world.sync({ keyring: before });
    pause.go();
    const result = await rotating;
    expect(result).toMatchObject({ rotated: 30, failures: [], isComplete: true });
    const rowsAfter = await world.rows();
    for (const [index, row] of rowsAfter.entries()) {
      const token = await open(keyringOf(newKey), row.access_token, row.account_name);
      if (row.account_name === accounts[0]) expect(token).toBe(renewed.token);
      else {
        expect(token).toBe(await open(before, rowsBefore[index]!.access_token, row.account_name));
        expect(row.updated_at).toEqual(rowsBefore[index]!.updated_at);
      }
    }
    expect(await rotateOwn(world, both)).toMatchObject({ rotated: 0, isComplete: true });
  });

  it("that was interrupted continues, and names the tokens that it cannot decrypt", async () => {
    const world = await World.open();
    await world.fill(3);
    const [oldKey, newKey] = [
      newKeyText(`a-${crypto.randomUUID().slice(0, 8)}`),
      newKeyText(`b-${crypto.randomUUID().slice(0, 8)}`),
    ];
    await world.sync({ keyring: keyringOf(oldKey) });
    const [broken, moved] = await world.rows();
    // An envelope in another row is no token of that row.
    await sql`update public.tradovate_tokens set access_token = ${moved!.access_token} where account_name = ${
      broken!.account_name
    }`;
    const result = await rotateOwn(world, keyringOf(newKey, oldKey));
    expect(result).toMatchObject({ rotated: 2, isComplete: false });
    expect(result.failures).toEqual([
      { name: broken!.account_name, reason: expect.stringContaining("belongs to another account") },
    ]);
    expect(await rotateOwn(world, keyringOf(newKey))).toMatchObject({
      rotated: 0,
      failures: [{ reason: expect.stringContaining(`the key ${oldKey.split(":")[0]}, which is not given`) }],
    });
  });
});
