import { createHash } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { repeatableRequestId } from "../../supabase/functions/_shared/http/identifiers.ts";
import { functionsFolder } from "../../scripts/local/paths.ts";
import type { ExtraFunctions } from "../../scripts/local/stack.ts";
import { lookupOf } from "../../supabase/functions/_oauth/encrypted_store.ts";
import { keyOf } from "../../supabase/functions/_oauth/token_owner.ts";
import type { Provider } from "../../supabase/functions/_oauth/provider.ts";
import { type OpenIdProvider, startOpenIdProvider } from "../support/openid_provider.ts";
import { connect, type SignedInUser, signUp, stack } from "../support/stack.ts";
import { type Answer, call, eventually, expectRefusal } from "./support/calls.ts";
import { openFunctions } from "./support/functions.ts";

const APP_PAGE = "https://app.example.com/connected";
const OTHER_PAGE = "http://127.0.0.1:3000/connected";
const CALLBACK = `${stack.url}/functions/v1/oauth-token/callback`;
const TIMEOUT_MS = 1_000;

const sql = connect({ connections: 2 });
let openId: OpenIdProvider;
/** Two processes that share nothing but the database. */
let processes: [ExtraFunctions, ExtraFunctions];
let environment: Record<string, string>;
const suffix = crypto.randomUUID().slice(0, 8);
const [PEOPLE, MACHINE] = [`people-${suffix}`, `machine-${suffix}`];

beforeAll(async () => {
  openId = await startOpenIdProvider({ redirectUri: CALLBACK });
  environment = {
    OAUTH_PROVIDERS: JSON.stringify({
      [PEOPLE]: openId.settings("people"),
      [MACHINE]: openId.settings("machine"),
    }),
    OAUTH_REDIRECT_URLS: `${APP_PAGE} ${OTHER_PAGE}`,
    OAUTH_PROVIDER_TIMEOUT_MS: String(TIMEOUT_MS),
  };
  processes = await Promise.all([
    openFunctions(environment, functionsFolder),
    openFunctions(environment, functionsFolder),
  ]);
});
beforeEach(() => {
  openId.calls.length = 0;
  openId.delayMs = 0;
});
afterAll(async () => {
  await openId.stop();
  await sql`delete from private.oauth_provider_health where provider in ${sql([PEOPLE, MACHINE])}`;
});

const at = (index: 0 | 1 = 0) => processes[index].url;
const SECRET = { apikey: stack.secretKey };

const askFor = (action: string, body: unknown, user?: SignedInUser, index: 0 | 1 = 0) =>
  call(`oauth-token/${action}`, { base: at(index), body, user, headers: user ? {} : SECRET });
const getToken = (body: Record<string, unknown>, index: 0 | 1 = 0) => askFor("token", body, undefined, index);

/** A browser's way from `authorize` to the app's page. */
async function walk(
  user: SignedInUser,
  { isDenied = false, redirect_to }: { isDenied?: boolean; redirect_to?: string } = {},
): Promise<{ state: string; callbackUrl: URL; page: URL; redirect: Response }> {
  const begun = await askFor("authorize", { provider: PEOPLE, redirect_to }, user);
  expect({ status: begun.status, text: begun.text }).toEqual({ status: 200, text: begun.text });
  const callbackUrl = new URL(
    await openId.visit(begun.body.authorization_url, { account: user.id, isDenied }),
  );
  const redirect = await visitCallback(callbackUrl);
  const page = new URL(redirect.headers.get("Location") ?? "");
  return { state: page.searchParams.get("state")!, callbackUrl, page, redirect };
}

/** As the provider sends the browser, to the first process. */
async function visitCallback(callbackUrl: URL): Promise<Response> {
  const address = `${at()}${callbackUrl.pathname}${callbackUrl.search}`;
  const response = await fetch(address, { redirect: "manual" });
  return new Response(await response.text() || null, response);
}

/** Signs up a user who has connected the provider. */
async function connectUser(): Promise<SignedInUser> {
  const user = await signUp();
  const { state } = await walk(user);
  const answer = await askFor("complete", { state }, user, 1);
  expect({ status: answer.status, text: answer.text }).toEqual({ status: 200, text: answer.text });
  openId.calls.length = 0;
  return user;
}

function keysOf(provider: string, subject?: string): { lease: string; row: string } {
  const lease = keyOf({ provider: { name: provider } as Provider, subject });
  return { lease, row: lookupOf(lease) };
}

/** So that the next caller finds nothing good: as if the API refused the token. */
async function rejectedToken(subject: string): Promise<string> {
  return (await getToken({ provider: PEOPLE, subject })).body.access_token;
}

describe("connecting a user", () => {
  it("goes from authorize over the provider and the callback to complete, in whichever process", async () => {
    const user = await signUp();
    const begun = await askFor("authorize", { provider: PEOPLE }, user);
    const url = new URL(begun.body.authorization_url);
    expect(url.origin).toBe(openId.issuer);
    expect(url.searchParams.get("code_challenge_method")).toBe("S256");
    expect(url.searchParams.get("redirect_uri")).toBe(CALLBACK);

    const { state, page } = await walk(user);
    expect(`${page.origin}${page.pathname}`).toBe(APP_PAGE);
    const completed = await askFor("complete", { state }, user, 1);
    expect(completed.body).toEqual({ provider: PEOPLE, scope: expect.stringContaining("offline_access") });

    for (const index of [0, 1] as const) {
      const { body } = await getToken({ provider: PEOPLE, subject: user.id }, index);
      expect(await openId.isGood(body.access_token)).toBe(true);
      expect(Object.keys(body).toSorted()).toEqual([
        "access_token",
        "expires_at",
        "extras",
        "scope",
        "token_type",
      ]);
      expect(body.extras).toEqual({ callback: {}, token: {} });
    }
  });

  it("is in the user's export: names, times and scopes, and no secrets", async () => {
    const user = await connectUser();
    const { access_token } = (await getToken({ provider: PEOPLE, subject: user.id })).body;
    const { lease, row } = keysOf(PEOPLE, user.id);
    const [stored] = await sql`select token_data #>> '{}' as envelope from public.tokens where key = ${row}`;
    const { body, text } = await call("account/export", { method: "GET", user });
    expect(body.data.oauth.grants).toEqual([{
      provider: PEOPLE,
      scope: expect.stringContaining("offline_access"),
      granted_at: expect.any(String),
      renewed_at: expect.any(String),
      token_expires_at: expect.any(String),
      kept_until: null,
    }]);
    for (const secret of [access_token, stored!.envelope, lease, row, lease.split(":")[1]!]) {
      expect(text).not.toContain(secret);
    }
    expect(text).not.toMatch(/t1\.[\w-]+\.|[0-9a-f]{64}|eyJ/);

    await askFor("revoke", { provider: PEOPLE }, user);
    expect((await call("account/export", { method: "GET", user })).body.data.oauth.grants).toEqual([]);
  });

  it("keeps what the provider tells beside the code, for servers: an id, a scope, as far as there is room", async () => {
    const user = await signUp();
    const { body } = await askFor("authorize", { provider: PEOPLE }, user);
    const callbackUrl = new URL(await openId.visit(body.authorization_url, { account: user.id }));
    const { search } = callbackUrl;
    callbackUrl.searchParams.set("realmId", "4620816365000000000");
    callbackUrl.searchParams.set("error_description", "words of the provider");
    callbackUrl.searchParams.set("far_too_much", "x".repeat(5_000));
    openId.amend = (answer) => ({ ...answer, instance_url: "https://eu7.example.com" });
    const redirect = await visitCallback(callbackUrl);
    openId.amend = undefined;
    expect(redirect.headers.get("Location")).not.toContain("realmId");
    const state = new URLSearchParams(search).get("state")!;
    openId.amend = ({ scope: _scope, ...answer }) => ({ ...answer, instance_url: "https://eu7.example.com" });
    const completed = await askFor("complete", { state }, user);
    openId.amend = undefined;
    expect(Object.keys(completed.body).toSorted()).toEqual(["provider", "scope"]);
    const token = await getToken({ provider: PEOPLE, subject: user.id });
    expect(token.body.extras).toEqual({
      callback: { realmId: "4620816365000000000" },
      token: { instance_url: "https://eu7.example.com" },
    });
  });

  it("knows the granted scope where only the redirect tells it", async () => {
    const user = await signUp();
    const { body } = await askFor("authorize", { provider: PEOPLE }, user);
    const callbackUrl = new URL(await openId.visit(body.authorization_url, { account: user.id }));
    callbackUrl.searchParams.set("scope", "read,activity:read");
    openId.amend = ({ scope: _scope, ...answer }) => answer;
    await visitCallback(callbackUrl);
    const completed = await askFor("complete", { state: callbackUrl.searchParams.get("state") }, user);
    openId.amend = undefined;
    expect(completed.body).toEqual({ provider: PEOPLE, scope: "read,activity:read" });
  });

  it("has a limit for each user and for each network, and none that others could use up", async () => {
    const [user, other] = await Promise.all([signUp(), signUp()]);
    const network = "127.0.0.9";
    await sql`
      insert into private.rate_limits (key, full_at)
      select 'call ' || ${user.id} || ' oauth-token/' || action || ' 3600', now() + interval '2 hours'
      from unnest(array['complete', 'revoke']) as action`;
    const key = `call ${repeatableRequestId("", "oauth-token/callback", network)}`;
    await sql`insert into private.rate_limits (key, full_at) values (${key}, now() + interval '2 hours')`;
    const state = "s".repeat(43);
    expectRefusal(await askFor("complete", { state }, user), 429, "rate_limited");
    expectRefusal(await askFor("revoke", { provider: PEOPLE }, user), 429, "rate_limited");
    expectRefusal(await askFor("complete", { state }, other), 400, "invalid_request");
    const visit = async (localAddress: string) => {
      using client = Deno.createHttpClient({ localAddress });
      const url = `${at()}/functions/v1/oauth-token/callback?state=${state}&code=c`;
      const response = await fetch(url, { client });
      return [response.status, (await response.json()).error];
    };
    expect(await visit(network)).toEqual([429, "rate_limited"]);
    expect(await visit("127.0.0.10")).toEqual([400, "invalid_request"]);
    await sql`delete from private.rate_limits where key = ${key}`;
  });

  it("shows the browser nothing secret: no code, no token, no verifier, no referrer", async () => {
    const user = await signUp();
    const { callbackUrl, page, redirect } = await walk(user);
    expect(redirect.status).toBe(303);
    expect(redirect.headers.get("Referrer-Policy")).toBe("no-referrer");
    expect(await redirect.text()).toBe("");
    expect([...page.searchParams.keys()]).toEqual(["state"]);
    expect(page.href).not.toContain(callbackUrl.searchParams.get("code"));
  });

  it("keeps no token, code, verifier or state readable in the database", async () => {
    const user = await signUp();
    const { state, callbackUrl } = await walk(user);
    const hash = createHash("sha256").update(state).digest("hex");
    const [kept] = await sql`select * from private.oauth_authorizations where state_hash = ${hash}`;
    expect(kept!.request).toMatch(/^t1\./);
    expect(JSON.stringify(kept)).not.toContain(state);
    expect(JSON.stringify(kept)).not.toContain(callbackUrl.searchParams.get("code"));
    await askFor("complete", { state }, user);
    const { access_token } = (await getToken({ provider: PEOPLE, subject: user.id })).body;
    const rows = await sql`select * from public.tokens where key = ${keysOf(PEOPLE, user.id).row}`;
    expect(rows).toHaveLength(1);
    expect(JSON.stringify(rows)).not.toContain(access_token);
    expect(JSON.stringify(rows)).not.toContain(user.id);
  });

  it("is possible once with a state, whoever comes first of many", async () => {
    const user = await signUp();
    const { state, callbackUrl } = await walk(user);
    const again = await visitCallback(callbackUrl);
    expect(again.status).toBe(400);
    expect(again.headers.get("Location")).toBeNull();
    const answers = await Promise.all(
      [0, 1, 0, 1, 0].map((index) => askFor("complete", { state }, user, index as 0 | 1)),
    );
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 400, 400, 400, 400]);
    expect(openId.calls.map(({ grant }) => grant)).toEqual(["authorization_code"]);
  });

  it("belongs to the user who began it: another user who completes it gets 403, and it becomes void", async () => {
    const [attacker, victim] = await Promise.all([signUp(), signUp()]);
    const { state } = await walk(attacker);
    expectRefusal(await askFor("complete", { state }, victim), 403, "forbidden");
    expectRefusal(await askFor("complete", { state }, attacker), 400, "invalid_request");
    expect(openId.calls).toEqual([]);
    for (const { id } of [attacker, victim]) {
      expectRefusal(await getToken({ provider: PEOPLE, subject: id }), 409, "authorization_required");
    }
  });

  it("ends when its time is over by the database's clock, before or after the provider's answer", async () => {
    const user = await signUp();
    const over = (state: string) => {
      const hash = createHash("sha256").update(state).digest("hex");
      return sql`update private.oauth_authorizations set expires_at = clock_timestamp() where state_hash = ${hash}`;
    };
    const { state } = await walk(user);
    await over(state);
    expectRefusal(await askFor("complete", { state }, user), 400, "invalid_request");
    const begun = await askFor("authorize", { provider: PEOPLE }, user);
    const callbackUrl = new URL(await openId.visit(begun.body.authorization_url));
    await over(callbackUrl.searchParams.get("state")!);
    expect((await visitCallback(callbackUrl)).status).toBe(400);
  });

  it("tells that the user refused, and stores nothing", async () => {
    const user = await signUp();
    const { state } = await walk(user, { isDenied: true });
    const answer = await askFor("complete", { state }, user);
    expectRefusal(answer, 409, "authorization_required");
    expect(answer.body.details).toEqual({ provider: PEOPLE, kind: "access_denied" });
    expectRefusal(
      await getToken({ provider: PEOPLE, subject: user.id }),
      409,
      "authorization_required",
    );
  });

  it("sends browsers to whole addresses of the list alone", async () => {
    const user = await signUp();
    expect((await walk(user, { redirect_to: OTHER_PAGE })).page.href).toContain(`${OTHER_PAGE}?state=`);
    const elsewhere = [
      "https://evil.example.com/",
      `${APP_PAGE}.evil.example.com`,
      `${APP_PAGE}/../elsewhere`,
      `${APP_PAGE}?next=https://evil.example.com`,
      "https://app.example.com@evil.example.com/connected",
      "//evil.example.com",
      "javascript:alert(1)",
    ];
    for (const redirect_to of elsewhere) {
      const answer = await askFor("authorize", { provider: PEOPLE, redirect_to }, user);
      expectRefusal(answer, 400, "invalid_request");
      expect(answer.text).not.toContain("evil");
    }
    // The callback takes no address at all.
    const { callbackUrl } = await walk(user);
    for (
      const [name, value] of Object.entries({
        redirect_to: "https://evil.example.com",
        state: "x".repeat(43),
      })
    ) {
      callbackUrl.searchParams.set(name, value);
    }
    const redirect = await visitCallback(callbackUrl);
    expect({ status: redirect.status, location: redirect.headers.get("Location") })
      .toEqual({ status: 400, location: null });
  });
});

describe("a token", () => {
  it("of the app comes without a subject, and is the same in both processes", async () => {
    const [one, other] = [await getToken({ provider: MACHINE }, 0), await getToken({ provider: MACHINE }, 1)];
    expect(one.status).toBe(200);
    expect(other.body).toEqual(one.body);
    expect(openId.calls.map(({ grant }) => grant)).toEqual(["client_credentials"]);
  });

  it("is for servers: no key, the publishable key and a user's token are refused", async () => {
    const user = await signUp();
    const body = { provider: PEOPLE, subject: user.id };
    for (
      const headers of [
        { apikey: undefined },
        {},
        { Authorization: `Bearer ${user.token}` },
        { apikey: undefined, Authorization: `Bearer ${stack.secretKey}` },
      ]
    ) {
      for (const action of ["token", "status"]) {
        const answer = await call(`oauth-token/${action}`, { base: at(), body, headers });
        expectRefusal(answer, 401, "unauthorized");
      }
    }
    expectRefusal(
      await call("oauth-token/token", { base: at(), method: "GET", headers: SECRET }),
      405,
      "method_not_allowed",
    );
  });

  it("of a provider that is not configured is 404, whatever its name looks like", async () => {
    for (const provider of ["nobody", "__proto__", "constructor", "http://169.254.169.254", openId.issuer]) {
      expectRefusal(await getToken({ provider }), 404, "not_found");
    }
    expectRefusal(await getToken({ provider: PEOPLE }), 404, "not_found");
    expectRefusal(await getToken({ provider: MACHINE, subject: crypto.randomUUID() }), 404, "not_found");
  });

  it("that 100 callers of two processes want renewed is refreshed once, with rotation, and the family lives", async () => {
    const { id: subject } = await connectUser();
    const rejected = await rejectedToken(subject);
    openId.delayMs = 200;
    const answers = await Promise.all(
      Array.from(
        { length: 100 },
        (_, index) => getToken({ provider: PEOPLE, subject, rejected }, (index % 2) as 0 | 1),
      ),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(answers.map(({ body }) => body.access_token)).size).toBe(1);
    expect(answers[0]!.body.access_token).not.toBe(rejected);
    expect(openId.calls.map(({ grant }) => grant)).toEqual(["refresh_token"]);
    const next = await getToken({ provider: PEOPLE, subject, rejected: answers[0]!.body.access_token });
    expect(next.status).toBe(200);
    expect(openId.reuses).toBe(0);
  });

  it("is renewed by the other process when the one that holds the lease is killed", async () => {
    const { id: subject } = await connectUser();
    const rejected = await rejectedToken(subject);
    const doomed = await openFunctions(environment, functionsFolder);
    const pause = openId.pause("before");
    const lost = call("oauth-token/token", {
      base: doomed.url,
      body: { provider: PEOPLE, subject, rejected },
      headers: SECRET,
    })
      .catch(() => undefined);
    await pause.arrived;
    await doomed.kill();
    // The provider never looks at what a dead process asked.
    const lease = keysOf(PEOPLE, subject).lease;
    await sql`update private.oauth_leases set held_until = clock_timestamp() + interval '300 ms' where key = ${lease}`;
    const answer = await getToken({ provider: PEOPLE, subject, rejected });
    expect({ status: answer.status, text: answer.text }).toEqual({ status: 200, text: answer.text });
    expect(await openId.isGood(answer.body.access_token)).toBe(true);
    await lost;
    expect(openId.reuses).toBe(0);
  });
});

describe("revoking", () => {
  it("ends a user's access here and at the provider, for the user itself", async () => {
    const user = await connectUser();
    const { access_token } = (await getToken({ provider: PEOPLE, subject: user.id })).body;
    const answer = await askFor("revoke", { provider: PEOPLE }, user);
    expect(answer.body).toEqual({ was_stored: true, upstream: "revoked" });
    for (const index of [0, 1] as const) {
      const refused = await getToken({ provider: PEOPLE, subject: user.id }, index);
      expectRefusal(refused, 409, "authorization_required");
    }
    expect(await openId.isGood(access_token)).toBe(false);
    const again = await askFor("revoke", { provider: PEOPLE }, user);
    expect(again.body).toEqual({ was_stored: false, upstream: "nothing_to_revoke" });
  });

  it("is possible for a server with anybody, and for a user with itself alone", async () => {
    const [user, other] = await Promise.all([connectUser(), signUp()]);
    const body = { provider: PEOPLE, subject: user.id };
    expectRefusal(await askFor("revoke", body, other), 403, "forbidden");
    expect((await getToken(body)).status).toBe(200);
    expect((await askFor("revoke", body)).body.was_stored).toBe(true);
    expectRefusal(await getToken(body), 409, "authorization_required");
  });

  it("happens by itself once the user is forgotten, and of nobody else", async () => {
    const [user, other] = await Promise.all([connectUser(), connectUser()]);
    const { access_token } = (await getToken({ provider: PEOPLE, subject: user.id })).body;
    await sql`select public.forget_user(${user.id})`;
    const answer = await askFor("revoke-forgotten", {});
    expect(answer.body).toEqual({ revoked: expect.any(Number), is_done: true });
    expectRefusal(await getToken({ provider: PEOPLE, subject: user.id }), 409, "authorization_required");
    expect(await openId.isGood(access_token)).toBe(false);
    expect((await getToken({ provider: PEOPLE, subject: other.id })).status).toBe(200);
    expect(await sql`select from private.oauth_revocations where subject = ${user.id}`).toHaveLength(0);
  });

  it("of a forgotten user waits for a process that has the providers", async () => {
    const user = await connectUser();
    await sql`select public.forget_user(${user.id})`;
    const answer = await call("oauth-token/revoke-forgotten", { headers: SECRET, body: {} });
    expect(answer.body).toEqual({ revoked: 0, is_done: true });
    expect(await sql`select from private.oauth_revocations where subject = ${user.id}`).toHaveLength(1);
    await askFor("revoke-forgotten", {});
    expectRefusal(await getToken({ provider: PEOPLE, subject: user.id }), 409, "authorization_required");
  });

  it("during a refresh in another process wins: the new token reaches nobody", async () => {
    const user = await connectUser();
    const body = { provider: PEOPLE, subject: user.id };
    const rejected = await rejectedToken(user.id);
    const pause = openId.pause("after");
    const refreshing = getToken({ ...body, rejected }, 1);
    await pause.arrived;
    expect((await askFor("revoke", { provider: PEOPLE }, user)).status).toBe(200);
    pause.release();
    expectRefusal(await refreshing, 409, "authorization_required");
    const rows = await sql`
      select token_data from public.tokens where key = ${
      keysOf(PEOPLE, user.id).row
    } and token_data is not null`;
    expect(rows).toHaveLength(0);
  });
});

describe("the status", () => {
  it("reports the state of store, leases and providers, and which providers are not called", async () => {
    const { body, status } = await call("oauth-token/status", { base: at(), method: "GET", headers: SECRET });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      store: { type: "supabase", state: "ok", journal_entries: 0 },
      leases: { state: "ok" },
      memory_fallback: "app",
      providers: [MACHINE, PEOPLE].toSorted(),
    });
    expect(body.database.tokens.stored).toBeGreaterThan(0);
    expect(JSON.stringify(body)).not.toContain("a-secret-of-the-client");
  });
});

it("no process wrote down a token, a code, a state or a client's secret", async () => {
  const user = await connectUser();
  const { state, callbackUrl } = await walk(user);
  const { access_token } = (await getToken({ provider: PEOPLE, subject: user.id })).body;
  openId.fail(503, 1);
  const failed: Answer = await getToken({ provider: PEOPLE, subject: user.id, rejected: access_token });
  expectRefusal(failed, 502, "provider_error");
  const logs = await eventually("the line of the failure", () => {
    const all = processes.map(({ log }) => log).join("\n");
    return all.includes("provider_failed") && all;
  });
  const secrets = {
    access_token,
    state,
    code: callbackUrl.searchParams.get("code")!,
    client: "a-secret-of-the-client",
  };
  for (const [name, secret] of Object.entries(secrets)) {
    expect({ name, isThere: logs.includes(secret) }).toEqual({ name, isThere: false });
  }
});
