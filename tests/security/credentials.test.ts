import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";

import { readSecrets, type Secrets } from "../../scripts/local/secrets.ts";
import { openAccounts } from "../http/support/accounts.ts";
import { call, expectCharged, expectRefusal } from "../http/support/calls.ts";
import { openFunctions } from "../http/support/functions.ts";
import { anonymousClient, connect, serviceClient, type SignedInUser, stack } from "../support/stack.ts";
import { sendRaw } from "./raw_http.ts";
import { type Credentials, credentialsOf, send } from "./requests.ts";
import { claimsOf, signAsProject, signWithText, unsigned } from "./tokens.ts";

// Beside the credentials that tests/http/bad_input.test.ts tries at functions: the rest by name, and REST for all.

const TOKENS = 500;

const { newUser, accountOf, expectUntouched } = openAccounts();
const sql = connect({ connections: 1 });
let user: SignedInUser;
let secrets: Secrets;

beforeAll(async () => {
  user = await newUser(TOKENS);
  secrets = await readSecrets(stack.dataDir);
});

const bearer = (token: string): Credentials => ({
  apikey: stack.publishableKey,
  Authorization: `Bearer ${token}`,
});

/** Fails unless a token opens neither functions nor a row of any table. */
async function expectWorthless(credentials: Credentials): Promise<void> {
  for (const [name, method] of [["balance", "GET"], ["meal-analyzer", "POST"]] as const) {
    const body = method === "GET" ? undefined : { description: "soup" };
    expectRefusal(await call(name, { method, body, headers: { ...credentials } }), 401, "unauthorized");
  }
  await expectNoRows(credentials);
  await expectUntouched(user, TOKENS);
}

/** Fails if REST shows a row or runs a function of the ledger. */
async function expectNoRows(credentials: Credentials): Promise<void> {
  const { body: rows } = await send("/rest/v1/token_balances", { credentials });
  expect(Array.isArray(rows) ? rows : []).toEqual([]);
  const grant = { p_user_id: user.id, p_amount: 1, p_reason: "theft" };
  const { status } = await send("/rest/v1/rpc/add_tokens", { method: "POST", credentials, body: grant });
  expect([401, 403, 404]).toContain(status);
}

it("valid control: the project's own signature opens functions and REST", async () => {
  const credentials = bearer(await signAsProject(secrets, claimsOf(user.id)));
  expect((await send("/functions/v1/balance", { credentials })).body.balance).toBe(TOKENS);
  expect((await send("/rest/v1/token_balances", { credentials })).body).toMatchObject([{ user_id: user.id }]);
});

describe("a token that nobody signed", () => {
  it.each(["none", "None", "nOnE", "", "ES256", "HS256"])("with alg %j is worth nothing", async (alg) => {
    for (const role of ["authenticated", "service_role", "postgres"]) {
      const claims = claimsOf(user.id, { role });
      await expectWorthless(bearer(unsigned({ alg, kid: secrets.signingKey.kid, typ: "JWT" }, claims)));
      await expectWorthless(bearer(unsigned({ alg, typ: "JWT" }, claims, "AAAA")));
    }
  });

  it("with a signature of zeros (CVE-2022-21449) is worth nothing", async () => {
    const zeros = Buffer.alloc(64).toString("base64url");
    const header = { alg: "ES256", kid: secrets.signingKey.kid, typ: "JWT" };
    await expectWorthless(bearer(unsigned(header, claimsOf(user.id), zeros)));
  });
});

describe("a token signed with HS256", () => {
  it("and what is public of the project's key is worth nothing (algorithm confusion)", async () => {
    const { body: keySet } = await send("/auth/v1/.well-known/jwks.json");
    const [publicKey] = keySet.keys;
    const texts = [JSON.stringify(publicKey), JSON.stringify(keySet), publicKey.x, publicKey.kid];
    for (
      const text of [
        ...texts,
        stack.publishableKey,
        "super-secret-jwt-token-with-at-least-32-characters-long",
      ]
    ) {
      for (const kid of [publicKey.kid, undefined]) {
        await expectWorthless(
          bearer(await signWithText(text, claimsOf(user.id, { role: "service_role" }), kid)),
        );
      }
    }
  });

  it("and the secret key is worth nothing: that key is no signing key", async () => {
    await expectWorthless(bearer(await signWithText(stack.secretKey, claimsOf(user.id))));
  });
});

describe("a token that names another key", () => {
  it.each([
    ["a path", "../../../../dev/null"],
    ["a file", "file:///dev/null"],
    ["SQL", "x' union select 'AA' --"],
    ["a command", "$(id)"],
    ["NUL", "\u0000"],
    ["a long text", "k".repeat(2_000)],
  ])("by %s is worth nothing", async (_what, kid) => {
    await expectWorthless(bearer(await signAsProject(secrets, claimsOf(user.id), { kid })));
    await expectWorthless(
      bearer(await signWithText("", claimsOf(user.id), kid).catch(() => unsigned({ kid }, {}))),
    );
  });

  it("by an address or within itself is worth nothing, and nobody fetches that address", async () => {
    let visits = 0;
    const listener = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, () => {
      visits++;
      return Response.json({ keys: [] });
    });
    const address = `http://127.0.0.1:${listener.addr.port}/jwks.json`;
    const { d: _private, ...jwk } = secrets.signingKey;
    for (const header of [{ jku: address }, { x5u: address }, { jwk }]) {
      const token = unsigned(
        { alg: "ES256", typ: "JWT", kid: "other", ...header },
        claimsOf(user.id),
        "AAAA",
      );
      await expectWorthless(bearer(token));
    }
    await listener.shutdown();
    expect(visits).toBe(0);
  });
});

describe("a token of the project's own key", () => {
  it("that is not valid yet is worth nothing", async () => {
    const nbf = Math.floor(Date.now() / 1000) + 3600;
    await expectWorthless(bearer(await signAsProject(secrets, claimsOf(user.id, { nbf }))));
  });

  it("that has expired is worth nothing", async () => {
    const exp = Math.floor(Date.now() / 1000) - 3600;
    await expectWorthless(bearer(await signAsProject(secrets, claimsOf(user.id, { exp }))));
  });

  it.each([
    ["another audience", { aud: "somebody-else" }],
    ["no audience", { aud: undefined }],
    ["a number as subject", { sub: 1 }],
    ["a list as subject", { sub: ["nobody"] }],
    ["an object as subject", { sub: { id: "nobody" } }],
    ["true as subject", { sub: true }],
    ["SQL as subject", { sub: "' or true --" }],
  ])("with %s opens no function", async (_what, changes) => {
    const credentials = bearer(
      await signAsProject(secrets, claimsOf(user.id, changes as Record<string, unknown>)),
    );
    for (const [name, method] of [["balance", "GET"], ["meal-analyzer", "POST"]] as const) {
      const body = method === "GET" ? undefined : { description: "soup" };
      expectRefusal(await call(name, { method, body, headers: { ...credentials } }), 401, "unauthorized");
    }
    await expectUntouched(user, TOKENS);
  });

  it("with role service_role is served by functions as its user, and sees no other's balance there", async () => {
    const other = await newUser(TOKENS + 1);
    const credentials = bearer(await signAsProject(secrets, claimsOf(user.id, { role: "service_role" })));
    const answer = await send(`/functions/v1/balance?user_id=${other.id}`, { credentials });
    if (answer.status === 200) expect(answer.body.balance).toBe(TOKENS);
    else expectRefusal(answer, 401, "unauthorized");
    expect(answer.text).not.toContain(String(TOKENS + 1));
  });
});

describe("a token of another kind", () => {
  it("that refreshes a session is no access token", async () => {
    const { data } = await user.client.auth.getSession();
    await expectWorthless(bearer(data.session!.refresh_token));
  });

  it("that signs a file's address in Storage is no access token, not even for a file named like a user", async () => {
    const bucket = serviceClient().storage.from("generated");
    const path = `${user.id}`;
    await bucket.upload(path, "x", { contentType: "image/png" });
    const { data } = await bucket.createSignedUrl(path, 60);
    const token = new URL(data!.signedUrl).searchParams.get("token")!;
    await expectWorthless(bearer(token));
    await bucket.remove([path]);
  });

  it("that signs a file's address opens that file and no other", async () => {
    const bucket = serviceClient().storage.from("generated");
    const [mine, other] = [`${user.id}/mine.png`, `${crypto.randomUUID()}/other.png`];
    await bucket.upload(mine, "mine", { contentType: "image/png" });
    await bucket.upload(other, "other", { contentType: "image/png" });
    const { data } = await bucket.createSignedUrl(mine, 60);
    const { pathname, search } = new URL(data!.signedUrl);
    expect((await send(pathname + search)).text).toBe("mine");
    for (const way of [pathname.replace(mine, other), pathname.replace("mine.png", `../${other}`)]) {
      expect((await send(way + search)).text).not.toBe("other");
    }
    await bucket.remove([mine, other]);
  });
});

describe("an account that was deleted", () => {
  it("gets no new token, keeps the old one until it ends, and its ledger stays", async () => {
    const gone = await newUser(TOKENS);
    const { data } = await gone.client.auth.getSession();
    const refreshToken = data.session!.refresh_token;
    await sql`delete from auth.users where id = ${gone.id}`;
    const refreshed = await anonymousClient().auth.refreshSession({ refresh_token: refreshToken });
    expect(refreshed.data.session).toBeNull();
    // Functions look at the signature and ask no database: an access token works for its hour at most.
    const answer = await send("/functions/v1/balance", { credentials: credentialsOf(gone) });
    expect(answer.body).toMatchObject({ balance: TOKENS });
    await expectUntouched(gone, TOKENS);
  });
});

describe("keys in unusual places", () => {
  it.each(["apikey", "key", "access_token", "token", "jwt"])(
    "the secret key and a user's token in the query as %s open no function",
    async (name) => {
      for (const value of [stack.secretKey, user.token]) {
        const answer = await send(`/functions/v1/balance?${name}=${value}`);
        expectRefusal(answer, 401, "unauthorized");
      }
    },
  );

  it("the secret key in the query is accepted by REST, as hosted", async () => {
    const answer = await send(`/rest/v1/token_balances?user_id=eq.${user.id}&apikey=${stack.secretKey}`);
    expect(answer.body).toMatchObject([{ user_id: user.id }]);
    expect((await send(`/rest/v1/token_balances?apikey=${stack.secretKey}x`)).text).not.toContain("user_id");
  });

  it("the secret key beside a user's token gives a function no more than that user", async () => {
    const other = await newUser(TOKENS + 1);
    const credentials = { apikey: stack.secretKey, Authorization: `Bearer ${user.token}` };
    const answer = await send(`/functions/v1/balance?user_id=${other.id}`, { credentials });
    expect([200, 401]).toContain(answer.status);
    expect(answer.text).not.toContain(String(TOKENS + 1));
  });

  it("the secret key in Authorization beside the publishable one adds nothing", async () => {
    await expectWorthless({ apikey: stack.publishableKey, Authorization: `Bearer ${stack.secretKey}` });
    await expectWorthless({ apikey: stack.publishableKey, Authorization: stack.secretKey });
  });

  it("an accepted key opens nothing for a similar key, and nothing beyond its own rights", async () => {
    const open = async (apikey: string, path: string) =>
      (await send(`/functions/v1/${path}`, { method: "POST", credentials: { apikey }, body: {} })).status;
    expect(await open(stack.secretKey, "oauth-token/status")).toBe(200);
    expect(await open(stack.publishableKey, "otp/request")).toBe(400);
    for (const key of [`${stack.secretKey}x`, stack.secretKey.slice(0, -1), stack.publishableKey]) {
      expect(await open(key, "oauth-token/status")).toBe(401);
    }
    expect(await open(stack.secretKey, "otp/request")).toBe(401);
    expect(await open(stack.secretKey, "oauth-token/status")).toBe(200);
  });

  it("two Authorization or apikey headers never mix one's identity with the other's rights", async () => {
    const other = await newUser(TOKENS + 1);
    const headers = [
      [["Authorization", `Bearer ${user.token}`], ["Authorization", `Bearer ${other.token}`]],
      [["Authorization", `Bearer ${user.token}`], ["Authorization", `Bearer ${stack.secretKey}`]],
    ] as [string, string][][];
    for (const pair of headers) {
      const answer = await sendRaw({
        method: "GET",
        path: "/functions/v1/balance",
        headers: [["apikey", stack.publishableKey], ...pair],
      });
      expect([200, 400, 401]).toContain(answer.status);
      if (answer.status === 200) expect(answer.body.balance).toBe(TOKENS);
    }
    const mixed = await sendRaw({
      method: "GET",
      path: "/rest/v1/token_balances",
      headers: [["apikey", stack.publishableKey], ["apikey", stack.secretKey]],
    });
    expect(mixed.text).not.toContain("user_id");
  });
});

describe("the scheme of a token", () => {
  it.each(["bearer", "BEARER", "bEARER", "Bearer", "Bearer  "])(
    "%j has no case, and blanks may follow it",
    async (scheme) => {
      const token = await signAsProject(secrets, claimsOf(user.id)); // the gateway passes it on as it is
      const headers = { Authorization: `${scheme} ${token}` };
      for (let repeat = 1; repeat <= 2; repeat++) {
        expect((await call("balance", { method: "GET", headers })).body.balance).toBe(TOKENS);
      }
    },
  );

  it.each(["Basic", "Token", "Bearer,", "Bear"])("%j is none that is taken", async (scheme) => {
    const answer = await call("balance", {
      method: "GET",
      headers: { Authorization: `${scheme} ${user.token}` },
    });
    expectRefusal(answer, 401, "unauthorized");
  });
});

describe("a credential that was taken before", () => {
  it("of one kind is worth nothing in the place of another", async () => {
    expect((await send("/functions/v1/balance", { credentials: credentialsOf(user) })).status).toBe(200);
    const digest = (text: string) => createHash("sha256").update(text).digest("base64");
    for (
      const text of [
        `publishable ${digest(stack.publishableKey)}`,
        `secret ${digest(stack.secretKey)}`,
        digest(stack.secretKey),
        stack.secretKey,
        user.token,
      ]
    ) {
      for (const Authorization of [text, `Bearer ${text}`].filter((one) => one !== `Bearer ${user.token}`)) {
        expectRefusal(
          await call("balance", { method: "GET", headers: { Authorization } }),
          401,
          "unauthorized",
        );
      }
      if (text === stack.secretKey) continue;
      const asServer = await call("alerts/list", { method: "GET", headers: { apikey: text } });
      expect(asServer.status).not.toBe(200);
    }
  });
});

describe("a signing key that is newer than the process", () => {
  const other = {
    kty: "EC",
    crv: "P-256",
    kid: "another",
    alg: "ES256",
    x: "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    y: "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
  };

  it("is found among the project's published keys, and no other key is", async () => {
    const late = await openFunctions({ TEST_SUPABASE_JWKS: JSON.stringify({ keys: [other] }) });
    const ask = (token: string) =>
      call("echo", { base: late.url, user: { token }, body: { text: "a text" } });
    expectCharged(await ask(await signAsProject(secrets, claimsOf((await newUser(TOKENS)).id))));
    const forged = await signAsProject(secrets, claimsOf(user.id), { kid: "third" });
    expectRefusal(await ask(forged), 401, "unauthorized");
    expectRefusal(
      await ask(unsigned({ alg: "ES256", kid: 7 }, claimsOf(user.id), "AAAA")),
      401,
      "unauthorized",
    );
  });
});

describe("headers that are sent twice", () => {
  let own: SignedInUser;
  beforeAll(async () => {
    own = await newUser(TOKENS);
  });

  const twice = (name: string, value: string, other = value) =>
    sendRaw({
      method: "POST",
      path: "/functions/v1/meal-analyzer",
      headers: [
        ...Object.entries(credentialsOf(own)).filter(([one]) => one.toLowerCase() !== name.toLowerCase()),
        ...(name === "Content-Type" ? [] : [["Content-Type", "application/json"]]),
        [name, value],
        [name, other],
      ] as [string, string][],
      body: Buffer.from(JSON.stringify({ description: "soup" })),
    });

  it("are one Idempotency-Key where they are equal, and refused where quoted ones differ", async () => {
    const headers = (...keys: string[]): [string, string][] => [
      ...Object.entries(credentialsOf(own)) as [string, string][],
      ["Content-Type", "application/json"],
      ...keys.map((key) => ["Idempotency-Key", key] as [string, string]),
    ];
    const path = "/functions/v1/meal-analyzer";
    const body = Buffer.from(JSON.stringify({ description: "soup" }));
    const first = await sendRaw({ method: "POST", path, headers: headers("k"), body });
    const { charged } = expectCharged(first);
    const again = await sendRaw({ method: "POST", path, headers: headers("k", "k"), body });
    expect(again.text).toBe(first.text);
    expect(again.headers.get("Idempotent-Replayed")).toBe("true");
    const other = await sendRaw({ method: "POST", path, headers: headers('"k"', '"l"'), body });
    expectRefusal(other, 400, "invalid_request");
    expect((await accountOf(own)).balance).toBe(TOKENS - charged);
  });

  it.each([
    ["Authorization", () => `Bearer ${own.token}`],
    ["Content-Type", () => "application/json"],
  ] as [string, () => string][])("(%s) are refused, or taken as the one", async (name, value) => {
    const answer = await twice(name, value());
    expect([200, 401, 415]).toContain(answer.status);
  });

  it("cannot make a caller two users", async () => {
    const stranger = await newUser();
    const answer = await twice("Authorization", `Bearer ${own.token}`, `Bearer ${stranger.token}`);
    // Node's server takes the first of them, and others join them.
    expect([200, 401]).toContain(answer.status);
    expect((await accountOf(stranger)).charges).toEqual([]);
  });
});
