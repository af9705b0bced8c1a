import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { onTokenEvent, type TokenEvent } from "../../supabase/functions/_oauth/events.ts";
import { keyOf, type TokenOwner } from "../../supabase/functions/_oauth/token_owner.ts";
import type { Provider } from "../../supabase/functions/_oauth/provider.ts";
import {
  authorizeUser,
  databaseCall,
  expire,
  newKeyring,
  openBroker,
  providerOf,
  rewriteRecord,
  storedRecord,
  switchable,
  type TestBroker,
} from "../support/oauth.ts";
import { type OpenIdProvider, startOpenIdProvider } from "../support/openid_provider.ts";
import { connect } from "../support/stack.ts";

const REDIRECT_URI = "http://127.0.0.1:9/callback";
const sql = connect({ connections: 2 });
const keyring = newKeyring();
let openId: OpenIdProvider;
let test: TestBroker;
let events: TokenEvent[];

beforeAll(async () => {
  openId = await startOpenIdProvider({ redirectUri: REDIRECT_URI });
  test = openBroker({ keyring });
  const end = onTokenEvent((event) => events.push(event));
  return async () => {
    end();
    await openId.stop();
  };
});

/** Resources of this file's tests. */
const providers: Provider[] = [];
const owners: TokenOwner[] = [];
beforeEach(() => {
  openId.calls.length = 0;
  openId.revocations = 0;
  openId.reuses = 0;
  openId.delayMs = 0;
  openId.amend = undefined;
  events = [];
});
afterAll(async () => {
  const keys = owners.map(keyOf);
  await sql`delete from public.tokens where starts_with(key, 'oauth-') and key = any(${keys})`;
  await sql`delete from private.oauth_leases where key = any(${keys})`;
  await sql`delete from private.oauth_provider_health where provider = any(${
    providers.map(({ name }) => name)
  })`;
});

/** A provider under a name of the test's own, so that no test sees another's tokens or failures. */
function newOwner(client: "machine" | "people"): Required<TokenOwner> {
  const provider = providerOf(openId.settings(client));
  const owner = { provider, subject: crypto.randomUUID() };
  providers.push(provider);
  owners.push(owner, { provider });
  return owner;
}

/** The app at a provider. */
const newApp = (): TokenOwner => ({ provider: newOwner("machine").provider });

/** A user who has authorized. */
async function newUser(): Promise<Required<TokenOwner>> {
  const owner = newOwner("people");
  await authorizeUser(test, openId, owner, REDIRECT_URI);
  openId.calls.length = 0;
  return owner;
}

const grants = () => openId.calls.map(({ grant }) => grant);
const codeOf = (work: Promise<unknown>) =>
  work.then(() => "success", (error: { code?: string }) => error.code ?? String(error));

describe("a token of the app", () => {
  it("is fetched once with client credentials and served until it expires", async () => {
    const app = newApp();
    const first = await test.broker.getAccessToken(app);
    expect(await test.broker.getAccessToken(app)).toEqual(first);
    expect(Date.parse(first.expires_at!) - Date.now()).toBeLessThanOrEqual(3_600_000);
    await expire(test, app);
    const second = await test.broker.getAccessToken(app);
    expect(second.access_token).not.toBe(first.access_token);
    expect(grants()).toEqual(["client_credentials", "client_credentials"]);
  });

  it("that the API has refused is replaced, once for all who were refused the same", async () => {
    const app = newApp();
    const { access_token: rejected } = await test.broker.getAccessToken(app);
    const others = [openBroker({ keyring }), openBroker({ keyring })];
    const given = await Promise.all(
      [...others, ...others].map(({ broker }) => broker.getAccessToken({ ...app, rejected })),
    );
    expect(new Set(given.map(({ access_token }) => access_token)).size).toBe(1);
    expect(given[0]!.access_token).not.toBe(rejected);
    expect(grants()).toHaveLength(2);
  });
});

describe("a token of a user", () => {
  it("needs an authorization first, and the provider is not called without one", async () => {
    const owner = newOwner("people");
    expect(await codeOf(test.broker.getAccessToken(owner))).toBe("authorization_required");
    expect(grants()).toEqual([]);
  });

  it("that has expired is refreshed exactly once for 100 callers in 4 processes, with rotation", async () => {
    const owner = await newUser();
    const refreshTokenBefore = (await storedRecord(test, owner))!.refresh_token;
    await expire(test, owner);
    openId.delayMs = 200;
    const brokers = Array.from({ length: 4 }, () => openBroker({ keyring }));
    const given = await Promise.all(
      Array.from({ length: 100 }, (_, index) => brokers[index % 4]!.broker.getAccessToken(owner)),
    );
    expect(grants()).toEqual(["refresh_token"]);
    expect(new Set(given.map(({ access_token }) => access_token)).size).toBe(1);
    expect(await openId.isGood(given[0]!.access_token)).toBe(true);
    expect((await storedRecord(test, owner))!.refresh_token).not.toBe(refreshTokenBefore);
    // The family lives: the new refresh token is good, and none came twice.
    await expire(test, owner);
    await test.broker.getAccessToken(owner);
    expect(openId.reuses).toBe(0);
  });

  it("is renewed by another one when its holder dies, whose late token is refused", async () => {
    const owner = await newUser();
    await expire(test, owner);
    const lease = { key: keyOf(owner), provider: owner.provider.name };
    const dead = await test.leases.claim(lease, { leaseMs: 400 });
    if (!dead.claimed) throw new Error("no lease");
    const startMs = performance.now();
    const given = await openBroker({ keyring }).broker.getAccessToken(owner);
    expect(performance.now() - startMs).toBeGreaterThan(300);
    expect(grants()).toEqual(["refresh_token"]);
    const late = JSON.stringify({ access_token: "late", fence: dead.fence });
    expect(await test.store.setIfNewer(lease.key, late, { fence: dead.fence })).toBe(false);
    expect(await test.leases.finish(lease, dead, "succeeded")).toBe(false);
    expect(await test.broker.getAccessToken(owner)).toEqual(given);
  });

  it("that is revoked while it is refreshed reaches nobody, and ends at the provider too", async () => {
    const owner = await newUser();
    await expire(test, owner);
    const pause = openId.pause("after");
    const refreshing = openBroker({ keyring }).broker.getAccessToken(owner);
    const outcome = codeOf(refreshing);
    await pause.arrived;
    expect(await test.broker.revoke(owner)).toEqual({ was_stored: true, upstream: "revoked" });
    openId.revocations = 0;
    pause.release();
    expect(await outcome).toBe("authorization_required");
    expect(openId.revocations).toBeGreaterThan(0);
    expect(await storedRecord(test, owner)).toBeUndefined();
    expect(await codeOf(test.broker.getAccessToken(owner))).toBe("authorization_required");
    expect(grants()).toEqual(["refresh_token"]);
  });

  it("is never served after its revocation was answered, in no process, under load (6 rounds)", async () => {
    const brokers = Array.from({ length: 3 }, () => openBroker({ keyring }));
    const owner = newOwner("people");
    for (let round = 0; round < 6; round++) {
      const token = { access_token: `token of round ${round}`, token_type: "bearer", expires_in: 3_600 };
      await test.broker.authorize(owner, () => Promise.resolve(token));
      let isRevoked = false;
      const wrong: string[] = [];
      const ask = async ({ broker }: TestBroker) => {
        for (let count = 0; count < 3; count++) {
          const wasRevoked = isRevoked;
          const code = await codeOf(broker.getAccessToken(owner));
          if (wasRevoked && code === "success") wrong.push(`served in round ${round}`);
        }
      };
      await Promise.all([
        ...brokers.map(ask),
        test.leases.revoke(keyOf(owner)).then(() => isRevoked = true), // As far as a revoker gets that dies.
      ]);
      expect(wrong).toEqual([]);
    }
  });

  it("that was authorized again during a refresh is the new one, and the old one's refresh changes nothing", async () => {
    const owner = await newUser();
    await expire(test, owner);
    const pause = openId.pause("after");
    const refreshing = openBroker({ keyring }).broker.getAccessToken(owner);
    await pause.arrived;
    const anew = await authorizeUser(test, openId, owner, REDIRECT_URI);
    pause.release();
    expect((await refreshing).access_token).toBe(anew.access_token);
    expect(await openId.isGood(anew.access_token)).toBe(true);
  });

  it("whose refresh token was used by another one is read again before it is given up", async () => {
    const owner = await newUser();
    const good = (await storedRecord(test, owner))!;
    await rewriteRecord(test, owner, { refresh_token: "used by another one", expires_at_ms: 1 });
    const pause = openId.pause("before");
    const given = openBroker({ keyring }).broker.getAccessToken(owner);
    await pause.arrived;
    await rewriteRecord(test, owner, { ...good, fence: good.fence + 1 });
    pause.release();
    expect((await given).access_token).toBe(good.access_token);
    expect(events.map(({ event }) => event)).not.toContain("authorization_ended");
  });

  it("whose grant has ended needs a new authorization, and the provider is not called again", async () => {
    const owner = await newUser();
    const { refresh_token } = (await storedRecord(test, owner))!;
    await test.upstream.revoke(owner.provider, [{ token: refresh_token!, hint: "refresh_token" }]);
    await expire(test, owner);
    for (let count = 0; count < 3; count++) {
      expect(await codeOf(test.broker.getAccessToken(owner))).toBe("authorization_required");
    }
    expect(grants()).toEqual(["refresh_token"]);
    expect(await storedRecord(test, owner)).toBeUndefined();
    expect(events).toMatchObject([{ event: "authorization_ended", of: owner.provider.name }]);
    await authorizeUser(test, openId, owner, REDIRECT_URI);
    expect(await codeOf(test.broker.getAccessToken(owner))).toBe("success");
  });
});

describe("a token that its provider refuses", () => {
  const connect = async (provider: Provider) => {
    const owner = { provider, subject: crypto.randomUUID() };
    owners.push(owner);
    await authorizeUser(test, openId, owner, REDIRECT_URI);
    await expire(test, owner);
    return owner;
  };
  const failureCountOf = async ({ name }: Provider) => {
    const rows = await sql`select failure_count from private.oauth_provider_health where provider = ${name}`;
    return rows[0]?.failure_count ?? 0;
  };

  it.each(
    [
      [400, { error: "invalid_scope" }],
      [400, { error: "unauthorized_client" }],
      [400, { error: "invalid_request" }],
      [429, { error: "too_many_requests" }],
      [404, { message: "no such user" }],
      [200, { message: "no token in here" }],
    ] as const,
  )("is alone in backoff: no other user of the provider waits (%d %j)", async (status, body) => {
    const first = await newUser();
    await expire(test, first);
    const other = await connect(first.provider);
    openId.answerOnce(status, body, { "Retry-After": "3600" });
    expect(await codeOf(test.broker.getAccessToken(first))).toBe("provider_error");
    const refusal = await test.broker.getAccessToken(first).catch((error) => error);
    expect(refusal.code).toBe("service_unavailable");
    expect(Number(refusal.headers["Retry-After"])).toBeGreaterThan(0);
    openId.calls.length = 0;
    expect(await codeOf(openBroker({ keyring }).broker.getAccessToken(other))).toBe("success");
    expect(await codeOf(test.broker.getAccessToken(first))).toBe("service_unavailable");
    expect(grants()).toEqual(["refresh_token"]);
    expect(await failureCountOf(first.provider)).toBe(0);
    expect(events.map(({ event }) => event)).toEqual(["token_refused"]);
    // A user who authorizes again does not wait.
    await authorizeUser(test, openId, first, REDIRECT_URI);
    expect(await codeOf(test.broker.getAccessToken(first))).toBe("success");
  });

  it("is in backoff as long as the provider asks for, otherwise longer each time", async () => {
    const owner = await newUser();
    await expire(test, owner);
    const key = keyOf(owner);
    const restS = async () => {
      const [lease] = await sql`
        select extract(epoch from retry_at - updated_at)::float as rest_s from private.oauth_leases where key = ${key}`;
      await sql`update private.oauth_leases set retry_at = now() where key = ${key}`;
      return lease!.rest_s;
    };
    for (const rest_s of [1, 2, 4]) {
      openId.answerOnce(400, { error: "invalid_scope" });
      expect(await codeOf(test.broker.getAccessToken(owner))).toBe("provider_error");
      expect(await restS()).toBe(rest_s);
    }
    openId.answerOnce(429, {}, { "Retry-After": "120" });
    expect(await codeOf(test.broker.getAccessToken(owner))).toBe("provider_error");
    expect(await restS()).toBe(120);
    expect(await codeOf(test.broker.getAccessToken(owner))).toBe("success");
  });

  it.each(
    [
      [400, "interaction_required"],
      [400, "login_required"],
      [400, "consent_required"],
      [403, "account_selection_required"],
      [200, "bad_refresh_token"],
      [200, "invalid_refresh_token"],
    ] as const,
  )("is over where its user has to authorize again (%d %s)", async (status, error) => {
    const owner = await newUser();
    await expire(test, owner);
    openId.answerOnce(status, { error, error_description: "something of the user" });
    for (let count = 0; count < 2; count++) {
      expect(await codeOf(test.broker.getAccessToken(owner))).toBe("authorization_required");
    }
    expect(grants()).toEqual(["refresh_token"]);
    expect(await storedRecord(test, owner)).toBeUndefined();
    expect(await failureCountOf(owner.provider)).toBe(0);
  });

  it.each(
    [
      [401, { error: "invalid_client" }],
      [200, { error: "incorrect_client_credentials" }],
      [500, { error: "internal_error" }],
      [400, { error: "temporarily_unavailable" }],
    ] as const,
  )("is not blamed for a failure that everybody would get (%d %j)", async (status, body) => {
    const owner = await newUser();
    await expire(test, owner);
    const other = await connect(owner.provider);
    openId.answerOnce(status, body);
    expect(await codeOf(test.broker.getAccessToken(owner))).toBe("provider_error");
    expect(await failureCountOf(owner.provider)).toBe(1);
    expect(await codeOf(test.broker.getAccessToken(other))).toBe("service_unavailable");
  });

  it("is alone in backoff if the provider fails three times in a row only for it", async () => {
    const owner = await newUser();
    await expire(test, owner);
    const counts: number[] = [];
    for (let count = 0; count < 3; count++) {
      openId.fail(500, 1);
      expect(await codeOf(test.broker.getAccessToken(owner))).toBe("provider_error");
      counts.push(await failureCountOf(owner.provider));
      await sql`
        update private.oauth_provider_health set failure_count = 0, retry_at = null
        where provider = ${owner.provider.name}`; // As if another user's renewal had succeeded.
    }
    expect(counts).toEqual([1, 1, 0]);
    expect(await codeOf(test.broker.getAccessToken(owner))).toBe("service_unavailable");
    expect(await codeOf(test.broker.getAccessToken(await connect(owner.provider)))).toBe("success");
  });
});

describe("an answer in other words than the standard's", () => {
  it.each(
    [
      [{ refresh_token: null }],
      [{ refresh_token: "" }],
      [{ refresh_token: null, expires_in: null, scope: null, id_token: null }],
      [{ refresh_token: "", expires_in: "", scope: "", id_token: "" }],
      [{ refresh_token: 7, expires_in: "soon", scope: { fleet: true }, id_token: "no.jwt.at-all" }],
      [{ refresh_token: null, expires_in: 1e300, token_type: undefined }],
    ],
  )("renews a token all the same, and keeps the refresh token that there was: %j", async (change) => {
    const owner = await newUser();
    const before = await rewriteRecord(test, owner, { expires_at_ms: 1 });
    openId.amend = (answer) => ({ ...answer, ...change });
    const given = await test.broker.getAccessToken(owner);
    expect(given).toMatchObject({ token_type: "bearer", scope: before.scope });
    expect(await openId.isGood(given.access_token)).toBe(true);
    expect((await storedRecord(test, owner))!.refresh_token).toBe(before.refresh_token);
  });

  it("has a new refresh token and a list of scopes", async () => {
    const owner = await newUser();
    const before = await rewriteRecord(test, owner, { expires_at_ms: 1 });
    openId.amend = (answer) => ({ ...answer, scope: ["openid", "fleet"], expires_in: "3600" });
    expect(await test.broker.getAccessToken(owner)).toMatchObject({
      scope: "openid fleet",
      expires_at: expect.any(String),
    });
    expect((await storedRecord(test, owner))!.refresh_token).not.toBe(before.refresh_token);
  });

  it("has a lifetime of 0 for a token without an end, which is got once", async () => {
    const app = newApp();
    openId.amend = (answer) => ({ ...answer, expires_in: 0 });
    const first = await test.broker.getAccessToken(app);
    expect(first.expires_at).toBeNull();
    expect(await test.broker.getAccessToken(app)).toEqual(first);
    expect(grants()).toHaveLength(1);
  });

  it("tells more than the token, which is kept over renewals, but no token of another kind", async () => {
    const owner = newOwner("people");
    openId.amend = (answer) => ({
      ...answer,
      instance_url: "https://eu7.example.com",
      authed_user: { id: "U1", refresh_token: "another one" },
      nothing: null,
      far_too_much: "x".repeat(20_000),
    });
    await authorizeUser(test, openId, owner, REDIRECT_URI);
    const extras = {
      callback: {},
      token: { instance_url: "https://eu7.example.com", authed_user: { id: "U1" } },
    };
    expect((await test.broker.getAccessToken(owner)).extras).toEqual(extras);
    await expire(test, owner);
    openId.amend = (answer) => ({ ...answer, instance_url: "https://eu8.example.com" });
    expect((await test.broker.getAccessToken(owner)).extras).toEqual({
      ...extras,
      token: { ...extras.token, instance_url: "https://eu8.example.com" },
    });
  });
});

describe("a provider that fails", () => {
  const healthOf = async ({ name }: Provider) => {
    const [row] = await sql`
      select failure_count, extract(epoch from retry_at - updated_at)::float as pause_s, last_error
      from private.oauth_provider_health where provider = ${name}`;
    return row;
  };
  const passPause = ({ name }: Provider) =>
    sql`update private.oauth_provider_health set retry_at = now() where provider = ${name}`;

  it("is not called for a time that grows with each failure; then a single caller tries it", async () => {
    const app = newApp();
    openId.fail(503, 3);
    for (const pause_s of [1, 2, 4]) {
      openId.calls.length = 0;
      const brokers = Array.from({ length: 5 }, () => openBroker({ keyring }).broker);
      const codes = await Promise.all(
        Array.from({ length: 10 }, (_, index) => codeOf(brokers[index % 5]!.getAccessToken(app))),
      );
      expect(grants()).toHaveLength(1);
      expect(new Set(codes)).toEqual(new Set(["provider_error", "service_unavailable"]));
      expect(await healthOf(app.provider)).toMatchObject({ pause_s, last_error: "http_503" });
      await passPause(app.provider);
    }
    await expect(test.broker.getAccessToken(app)).resolves.toMatchObject({ token_type: "bearer" });
    expect(await healthOf(app.provider)).toMatchObject({ failure_count: 0 });
    expect(events.filter(({ event }) => event === "provider_failed")).toHaveLength(3);
  });

  it("gives callers a Retry-After, and is not called as long as it asks for", async () => {
    const app = newApp();
    openId.fail(429, 1, { "Retry-After": "120" });
    expect(await codeOf(test.broker.getAccessToken(app))).toBe("provider_error");
    expect((await healthOf(app.provider))!.pause_s).toBeCloseTo(120, 0);
    const refusal = await test.broker.getAccessToken(app).catch((error) => error);
    expect(refusal.code).toBe("service_unavailable");
    expect(Number(refusal.headers["Retry-After"])).toBeGreaterThan(100);
    expect(grants()).toHaveLength(1);
  });

  it("does not stop callers from getting a token that is still valid", async () => {
    const owner = await newUser();
    const record = await rewriteRecord(test, owner, { expires_at_ms: Date.now() + 30_000 });
    openId.fail(500, 1);
    for (let count = 0; count < 3; count++) {
      expect((await test.broker.getAccessToken(owner)).access_token).toBe(record.access_token);
    }
    expect(grants()).toEqual(["refresh_token"]);
  });

  it("counts once for many users whose refreshes failed together", async () => {
    const first = await newUser();
    const owners = [first, { ...first, subject: crypto.randomUUID() }, {
      ...first,
      subject: crypto.randomUUID(),
    }];
    for (const owner of owners.slice(1)) await authorizeUser(test, openId, owner, REDIRECT_URI);
    for (const owner of owners) await expire(test, owner);
    openId.calls.length = 0;
    openId.fail(503, 3);
    openId.delayMs = 300;
    await Promise.all(owners.map((owner) => codeOf(test.broker.getAccessToken(owner))));
    expect(grants()).toHaveLength(3);
    expect(await healthOf(first.provider)).toMatchObject({ failure_count: 1 });
  });

  it("is not waited for longer than the timeout", async () => {
    const app = newApp();
    const pause = openId.pause("before");
    const startMs = performance.now();
    const code = await codeOf(openBroker({ keyring, providerTimeoutMs: 300 }).broker.getAccessToken(app));
    expect(code).toBe("provider_timeout");
    expect(performance.now() - startMs).toBeLessThan(3_000);
    pause.release();
  });
});

describe("without the database", () => {
  const open = (memoryFallback: "none" | "app" | "all") => {
    const switched = switchable({ call: databaseCall() }, () => new Error("The database is gone"));
    return {
      ...switched,
      ...openBroker({ keyring, memoryFallback, call: (...args) => switched.backend.call(...args) }),
    };
  };
  const untilOk = async (broker: TestBroker, owner: TokenOwner) => {
    for (;;) {
      const token = await broker.broker.getAccessToken(owner).catch(() => undefined);
      if (token && !broker.leases.isFailing) return token;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };

  it("the app's own tokens go on in memory, visibly, and users' tokens do not", async () => {
    const process = open("app");
    const [app, user] = [newApp(), await newUser()];
    process.switchOff();
    const alone = await process.broker.getAccessToken(app);
    expect(await process.broker.getAccessToken(app)).toEqual(alone);
    expect(await codeOf(process.broker.getAccessToken(user))).toBe("service_unavailable");
    expect(grants()).toEqual(["client_credentials"]);
    expect(process.leases.isFailing).toBe(true);
    expect(events.map(({ event }) => event)).toEqual(
      expect.arrayContaining(["leases_degraded", "store_degraded"]),
    );
    process.switchOn();
    await untilOk(process, app);
    expect(events.map(({ event }) => event)).toContain("leases_recovered");
    expect(await codeOf(process.broker.getAccessToken(user))).toBe("success");
  });

  it("nothing goes on in memory where the settings forbid it", async () => {
    const process = open("none");
    process.switchOff();
    expect(await codeOf(process.broker.getAccessToken(newApp()))).toBe("service_unavailable");
    expect(grants()).toEqual([]);
  });

  it("a revocation is not acknowledged, yet counts in this process at once and everywhere on recovery", async () => {
    const process = open("all");
    const user = await newUser();
    await process.broker.getAccessToken(user);
    process.switchOff();
    expect(await codeOf(process.broker.revoke(user))).not.toBe("success");
    expect(await codeOf(process.broker.getAccessToken(user))).toBe("service_unavailable");
    process.switchOn();
    const app = newApp();
    await untilOk(process, app); // Anything that reaches the database tells it.
    expect(await codeOf(test.broker.getAccessToken(user))).toBe("authorization_required");
    expect(await codeOf(process.broker.getAccessToken(user))).toBe("authorization_required");
  });
});
