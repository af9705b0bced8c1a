import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { functionsFolder } from "../../scripts/local/paths.ts";
import type { ExtraFunctions } from "../../scripts/local/stack.ts";
import { needing } from "../support/needs.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";
import { connect, signUp, stack } from "../support/stack.ts";
import {
  inSeconds,
  jwt,
  newKeyText,
  newSourceName,
  newTrader,
  openClient,
  type RedisClient,
} from "../support/vault.ts";
import { startUpstash, type TestUpstash } from "../support/upstash.ts";
import { type Answer, call, expectRefusal } from "./support/calls.ts";
import { openFunctions } from "./support/functions.ts";

const withRedis = await needing("redis-server");

const ACTIONS = ["sync", "status", "get", "cleanup"];

const sql = connect({ connections: 3 });
const sourceName = newSourceName();
const key = newKeyText(`http-${crypto.randomUUID().slice(0, 8)}`);

let redis: TestRedis;
let upstash: TestUpstash;
let client: RedisClient;
/** With Redis and a key. */
let functions: ExtraFunctions;
/** The same source over HTTP, and another key. */
let others: ExtraFunctions;

beforeAll(async () => {
  redis = await startRedis();
  [client, upstash] = await Promise.all([openClient(redis.url), startUpstash(redis.url)]);
  const usual = { VAULT_SOURCE: sourceName, VAULT_SYNC_MAX_CPU_MS: "60000" };
  [functions, others] = await Promise.all([
    openFunctions({ ...usual, REDIS_URL: redis.url, TOKEN_ENCRYPTION_KEYS: key }, functionsFolder),
    openFunctions({
      ...usual,
      REDIS_URL: "",
      UPSTASH_REDIS_REST_URL: upstash.url,
      UPSTASH_REDIS_REST_TOKEN: upstash.token,
      TOKEN_ENCRYPTION_KEYS: newKeyText(`other-${crypto.randomUUID().slice(0, 8)}`),
    }, functionsFolder),
  ]);
});

afterAll(async () => {
  client?.destroy();
  await upstash?.stop();
  await redis?.stop();
  await sql`delete from public.tradovate_tokens where source = ${sourceName}`;
  await sql`delete from private.token_rejections where source = ${sourceName}`;
  await sql`delete from private.token_syncs where source = ${sourceName}`;
});

beforeEach(() => client.flushAll());

const asServer = () => ({ apikey: stack.secretKey, Authorization: undefined });
const withoutBody = () => ({ ...asServer(), "Content-Type": undefined });

/** Asks as a server does, by query. */
function ask(
  query: string,
  { base = functions.url, method = "GET" } = {},
) {
  return call(`token-manager?action=${query}`, { base, method, headers: withoutBody() });
}

async function set(token: string = jwt({ exp: inSeconds(3_600) }), account = `PAAPEX${newTrader()}0000001`) {
  await client.set(`token:${account}`, token, { EX: 3_600 });
  return { account, token, mainAccount: account.replace(/^PA(APEX)(\d+)\d{7}$/, "$1_$2") };
}

const expectDone = (answer: Answer) => {
  expect({ status: answer.status, text: answer.text }).toEqual({ status: 200, text: answer.text });
  return answer.body;
};

describe("token-manager", withRedis, () => {
  it("copies, reports, returns and cleans up tokens, by GET as the earlier clients call it", async () => {
    const { account, token, mainAccount } = await set();
    const synced = expectDone(await ask("sync"));
    expect(synced).toMatchObject({ synced: 1, unchanged: 0, accounts: [account], is_complete: true });
    expect(synced.mappings).toBeGreaterThan(0);
    expect(synced.duration_ms).toBeGreaterThanOrEqual(0);

    const status = expectDone(await ask("status"));
    expect(status).toMatchObject({
      redis: { keys: 1, problem: null },
      sync_needed: false,
      sync: { is_unfinished: false, keys: 1 },
      encryption: { active_key_id: key.split(":")[0], problem: null },
    });
    expect(status.recent.map((one: { account_name: string }) => one.account_name)).toContain(account);

    const given = expectDone(await ask(`get&account=${account}`));
    expect(given).toMatchObject({ token, account, main_account: mainAccount, token_type: "bearer" });
    expect(new Date(given.expires_at).getTime()).toBeGreaterThan(Date.now());
    expect(given.expires_in_s).toBeGreaterThan(3_500);
    expect(expectDone(await ask("cleanup"))).toEqual({ cleaned: expect.any(Number) });
  });

  it("takes POST with the action in the query, the path or the body", async () => {
    const { account, token } = await set();
    expectDone(await call("token-manager/sync", { base: functions.url, headers: withoutBody() }));
    const body = { action: "get", account };
    for (
      const answer of [
        await call("token-manager", { base: functions.url, headers: asServer(), body }),
        await call("token-manager?action=get", {
          base: functions.url,
          headers: asServer(),
          body: { account },
        }),
        await call("token-manager/get", { base: functions.url, headers: asServer(), body: { account } }),
        await ask(`get&account=${account}`, { method: "POST" }),
      ]
    ) expect(expectDone(answer).token).toBe(token);
  });

  it.each(ACTIONS)("%s is refused to the publishable key, a user and nobody", async (action) => {
    const user = await signUp();
    for (
      const headers of [
        { apikey: stack.publishableKey },
        { apikey: stack.publishableKey, Authorization: `Bearer ${user.token}` },
        { apikey: undefined },
        { apikey: undefined, Authorization: `Bearer ${stack.secretKey}` },
      ]
    ) {
      for (const method of ["GET", "POST"]) {
        const answer = await call(`token-manager?action=${action}&account=x`, {
          base: functions.url,
          method,
          headers,
        });
        expectRefusal(answer, 401, "unauthorized");
      }
    }
  });

  it("refuses an invalid account name and an unknown action, with the reason", async () => {
    expectRefusal(await ask("get"), 400, "invalid_request");
    expectRefusal(await ask(`get&account=${encodeURIComponent("two words")}`), 400, "invalid_request");
    expectRefusal(await ask("drop"), 404, "not_found");
    expectRefusal(await ask("status&limit=0"), 400, "invalid_request");
  });

  it("answers 404 for a missing token, 410 for an expired one, whatever the cleanup does, and logs every read", async () => {
    const { account } = await set();
    expectDone(await ask("sync"));
    const nobody = `NOBODY_${newTrader()}`;
    expectRefusal(await ask(`get&account=${nobody}`), 404, "not_found");
    const given = await ask(`get&account=${account}`);
    expectDone(given);
    await sql`update public.tradovate_tokens set expires_at = clock_timestamp() where account_name = ${account}`;
    const over = await ask(`get&account=${account}`);
    expectRefusal(over, 410, "token_expired");
    expect(over.body.details.expires_at).toMatch(/^20/);
    expect(expectDone(await ask("cleanup")).cleaned).toBeGreaterThanOrEqual(0);
    expectRefusal(await ask(`get&account=${account}`), 410, "token_expired");
    const log = await sql`
      select action, account_name, key_name, request_id, outcome from private.token_access_log
      where account_name in (${account}, ${nobody}) order by id`;
    expect(log.map(({ outcome }) => outcome)).toEqual(["not_found", "given", "expired", "expired"]);
    expect(log[1]).toEqual({
      action: "get",
      account_name: account,
      key_name: "default",
      request_id: given.headers.get("X-Request-Id"),
      outcome: "given",
    });
  });

  it("states for each unusable account why", async () => {
    const [gone, over, broken, disabled] = [await set(), await set(), await set("login failed"), await set()];
    expectDone(await ask("sync"));
    await client.del(`token:${gone.account}`);
    await set(jwt({ exp: inSeconds(-10) }), over.account);
    await sql`update public.tradovate_tokens set is_active = false where account_name = ${disabled.account}`;
    expect(expectDone(await ask("sync"))).toMatchObject({ deactivated: 1 });
    const { unusable } = expectDone(await ask("status&limit=1000"));
    const problems = Object.fromEntries(
      unusable.accounts.map((one: Record<string, string>) => [one.account_name, [one.problem, one.reason]]),
    );
    expect(problems).toMatchObject({
      [gone.account]: ["gone", "The key is gone from Redis"],
      [over.account]: ["expired", "The token has ended"],
      [broken.account]: ["not_a_token", expect.stringContaining("neither a JWT nor JSON")],
      [disabled.account]: ["operator", "Deactivated by hand"],
    });
    expectRefusal(await ask(`get&account=${gone.account}`), 404, "not_found");
    expectRefusal(await ask(`get&account=${disabled.account}`), 404, "not_found");
    expectRefusal(await ask(`get&account=${broken.account}`), 404, "not_found");
  });

  it("does not give out a token without its key, and tells which key is missing", async () => {
    const { account } = await set();
    expectDone(await ask("sync"));
    const refused = await ask(`get&account=${account}`, { base: others.url });
    expectRefusal(refused, 503, "service_unavailable");
    expect(refused.body.message).toContain(key.split(":")[0]);
    const { unusable } = expectDone(await ask("status&limit=1000", { base: others.url }));
    const found = unusable.accounts.find((one: { account_name: string }) => one.account_name === account);
    expect(found.reason).toBe(`Encrypted with the key ${key.split(":")[0]}, which is not given`);
  });

  it("works over Upstash's HTTP as over a connection, and survives that it fails for a moment", async () => {
    const { account, token } = await set();
    expect(expectDone(await ask("status", { base: others.url })).redis).toEqual({ keys: 1, problem: null });
    upstash.fail(1);
    expect(expectDone(await ask("sync", { base: others.url }))).toMatchObject({
      synced: 1,
      is_complete: true,
    });
    expect(expectDone(await ask(`get&account=${account}`, { base: others.url })).token).toBe(token);
    expect(expectDone(await ask("sync", { base: others.url }))).toMatchObject({ synced: 0, unchanged: 1 });
  });

  it("says without Redis what is missing; status and get work", async () => {
    const refused = await ask("sync", { base: stack.url });
    expectRefusal(refused, 503, "service_unavailable");
    expect(refused.body.message).toContain("REDIS_URL is not set");
    expect(expectDone(await ask("sync&if_configured=true", { base: stack.url })))
      .toMatchObject({ is_configured: false, synced: 0, is_complete: true });
    const { redis: source } = expectDone(await ask("status", { base: stack.url }));
    expect(source).toEqual({ keys: null, problem: expect.stringContaining("REDIS_URL is not set") });
    expectRefusal(await ask(`get&account=NOBODY_${newTrader()}`, { base: stack.url }), 404, "not_found");
  });

  it("reports that Redis is down, without its password, and get still works", async () => {
    const { account, token } = await set();
    expectDone(await ask("sync"));
    const gone = await openFunctions({
      REDIS_URL: "redis://user:hunter2-password@127.0.0.1:1",
      VAULT_SOURCE: sourceName,
      TOKEN_ENCRYPTION_KEYS: key,
    }, functionsFolder);
    const refused = await ask("sync", { base: gone.url });
    expectRefusal(refused, 503, "service_unavailable");
    expect(refused.body.message).toContain("Redis at 127.0.0.1:1 cannot be reached");
    expect(expectDone(await ask("status", { base: gone.url })).redis.problem).toContain("127.0.0.1:1");
    expect(expectDone(await ask(`get&account=${account}`, { base: gone.url })).token).toBe(token);
    expect(gone.log).not.toContain("hunter2");
  });

  it("stores nothing without a key, and says so", async () => {
    const { account } = await set();
    const keyless = await openFunctions(
      { REDIS_URL: redis.url, VAULT_SOURCE: sourceName, TOKEN_ENCRYPTION_KEYS: "" },
      functionsFolder,
    );
    for (const action of ["sync", `get&account=${account}`]) {
      const refused = await ask(action, { base: keyless.url });
      expectRefusal(refused, 503, "service_unavailable");
      expect(refused.body.message).toContain("TOKEN_ENCRYPTION_KEYS is not set");
    }
    expect(expectDone(await ask("status", { base: keyless.url })).encryption.problem).toContain(
      "TOKEN_ENCRYPTION_KEYS",
    );
    expect(await sql`select from public.tradovate_tokens where account_name = ${account}`).toHaveLength(0);
  });

  it("logs neither tokens nor what they are encrypted with", async () => {
    const { account, token } = await set();
    await ask("sync");
    await ask(`get&account=${account}`);
    await ask(`get&account=${account}`, { base: others.url });
    for (const { log } of [functions, others]) {
      expect(log).not.toContain(token.split(".")[2]);
      expect(log).not.toContain(key.split(":")[1]);
    }
  });
});
