import { connect as connectSocket } from "node:net";
import { Buffer } from "node:buffer";
import { createClient } from "@supabase/supabase-js";
import { type CryptoKey, generateKeyPair, importJWK, SignJWT } from "jose";
import { beforeAll, describe, expect, it } from "vitest";

import { portsAt } from "../../scripts/local/ports.ts";
import { readSecrets, type Secrets } from "../../scripts/local/secrets.ts";
import type { ExtraFunctions } from "../../scripts/local/stack.ts";
import { TokenExchange } from "../../scripts/local/tokens.ts";
import { pictureUrl, pngWith } from "../support/pictures.ts";
import { type SignedInUser, stack } from "../support/stack.ts";
import { openAccounts } from "./support/accounts.ts";
import {
  type Answer,
  call,
  type CallOptions,
  eventually,
  expectCharged,
  expectRefusal,
} from "./support/calls.ts";
import { openFunctions } from "./support/functions.ts";

const PLENTY = 1_000;
const MIB = 1024 * 1024;
/** Only a request that hangs takes this long. */
const PATIENCE_MS = 5_000;

const { newUser, accountOf, expectUntouched } = openAccounts();
let user: SignedInUser;
let secrets: Secrets;

beforeAll(async () => {
  user = await newUser(PLENTY);
  secrets = await readSecrets(stack.dataDir);
});

/** Sends something to a feature, which must refuse it without touching the tokens. */
async function send(body: unknown, options: CallOptions & { name?: string } = {}): Promise<Answer> {
  const answer = await call(options.name ?? "meal-analyzer", { user, body, ...options });
  await expectUntouched(user, PLENTY);
  return answer;
}

describe("a body that does not fit", () => {
  it.each([
    ["is empty", ""],
    ["is not JSON", "{"],
    ["is two JSON texts", "{}{}"],
    ["has single quotes", "{'description': 'soup'}"],
    ["has a trailing comma", '{"description":"soup",}'],
    ["is NaN", "NaN"],
    ["is only white space", "  \n"],
    ["is JSON that breaks off", '{"description":"so'],
    ["starts with a NUL", "\u0000{}"],
  ])("because it %s is refused with 400", async (_what, body) => {
    expectRefusal(await send(body), 400, "invalid_request");
  });

  it.each([
    ["a lone continuation byte", [0x80]],
    ["an overlong slash", [0xc0, 0xaf]],
    ["a surrogate", [0xed, 0xa0, 0x80]],
    ["a sequence that breaks off", [0xf0, 0x9f, 0xa5]],
  ])("because it is no UTF-8 (%s) is refused with 400", async (_what, bytes) => {
    const head = new TextEncoder().encode('{"description":"soup ');
    const tail = new TextEncoder().encode('"}');
    expectRefusal(await send(new Uint8Array([...head, ...bytes, ...tail])), 400, "invalid_request");
    if (bytes.length > 1) {
      expectRefusal(await send(new Uint8Array([...head, ...bytes])), 400, "invalid_request");
    }
  });

  it.each([["null", null], ["a list", []], ["a text", '"soup"'], ["a number", 1], ["true", true]])(
    "because it is %s in an object's place is refused with 400 and details",
    async (_what, body) => {
      const answer = await send(body);
      expectRefusal(answer, 400, "invalid_request");
      expect(answer.body.details).toMatchObject([{ path: "", code: "invalid_type" }]);
    },
  );

  it("is refused with every fault by its path", async () => {
    const answer = await send({
      date: "yesterday",
      meals: [{ name: "soup", energy_kcal: "many", protein_g: -1, carbohydrate_g: 1, fat_g: 1 }],
    }, { name: "daily-nutrition-summary" });
    expectRefusal(answer, 400, "invalid_request");
    const paths = answer.body.details.map(({ path }: { path: string }) => path);
    expect(paths.toSorted()).toEqual(["date", "meals.0.energy_kcal", "meals.0.protein_g", "targets"]);
    for (const issue of answer.body.details) expect(Object.keys(issue)).toEqual(["path", "code", "message"]);
    expect(answer.body.message).toContain(paths[0]);
  });

  it("has an empty path for a fault of the whole body", async () => {
    const answer = await send({});
    expectRefusal(answer, 400, "invalid_request");
    expect(answer.body.details).toMatchObject([{ path: "", message: expect.stringContaining("photo") }]);
  });

  it("lists a bounded number of faults", async () => {
    const meals = Array.from({ length: 30 }, () => ({}));
    const answer = await send({ date: "2026-01-01", meals, targets: {} }, {
      name: "daily-nutrition-summary",
    });
    expectRefusal(answer, 400, "invalid_request");
    expect(answer.body.details.length).toBeLessThanOrEqual(20);
    expect(answer.text.length).toBeLessThan(10_000);
  });

  it("is not repeated in the answer", async () => {
    const canary = "canary-of-the-body";
    const answer = await send({ description: "soup", locale: canary, photo: canary }, {});
    expectRefusal(answer, 400, "invalid_request");
    expect(answer.text).not.toContain(canary);
  });

  it.each([
    ["1e400", "1e400"],
    ["-1", "-1"],
    ["1.5", "1.5"],
    ["2^53 + 1", "9007199254740993"],
    ["beyond bigint", "99999999999999999999"],
    ["a text", '"1"'],
    ["null", "null"],
    ["true", "true"],
    ["a list", "[1]"],
  ])("because a number is %s is refused with 400", async (_what, count) => {
    const answer = await send(`{"prompt":"soup","count":${count}}`, { name: "image-generator" });
    expectRefusal(answer, 400, "invalid_request");
    expect(answer.body.details[0].path).toBe("count");
  });

  it.each([
    ["an address", "https://example.com/soup.png"],
    ["an address of our own network", "http://169.254.169.254/latest/meta-data"],
    ["a file", "file:///etc/passwd"],
    ["SVG", `data:image/svg+xml;base64,${btoa("<svg/>")}`],
    ["text that says it is a PNG", `data:image/png;base64,${btoa("no picture, but words")}`],
    ["a JPEG that says it is a PNG", "data:image/png;base64,/9j/4AAQSkZJRgABAQ=="],
    ["not base64", "data:image/png;base64,iVBORw0KGgo!!!"],
    ["HTML", `data:text/html;base64,${btoa("<script>")}`],
  ])("because the photo is %s is refused with 400", async (_what, photo) => {
    const answer = await send({ photo });
    expectRefusal(answer, 400, "invalid_request");
    expect(answer.body.details[0].path).toBe("photo");
  });
});

describe("a body that only looks dangerous is taken for what it is", () => {
  it("keys of the prototype change nothing", async () => {
    const one = await newUser(PLENTY);
    const body =
      '{"description":"soup","__proto__":{"photo":"x","price":0},"constructor":{"prototype":{"locale":1}},' +
      '"toString":1,"hasOwnProperty":1}';
    expectCharged(await call("meal-analyzer", { user: one, body }));
    const clean = await call("meal-analyzer", { user: one, body: { description: "soup" } });
    expectCharged(clean);
    expect(clean.body.data).not.toHaveProperty("price");
  });

  it.each([
    ["lists", "[".repeat(100_000) + "]".repeat(100_000)],
    ["objects", '{"a":'.repeat(30_000) + "1" + "}".repeat(30_000)],
  ])("deep nesting of %s neither kills the process nor costs an answer", async (_what, nested) => {
    expectRefusal(await send(nested), 400, "invalid_request");
    const one = await newUser(PLENTY);
    const inside = `{"description":"soup","extra":${nested}}`;
    expectCharged(await call("meal-analyzer", { user: one, body: inside }));
    expect((await call("balance", { method: "GET", user })).status).toBe(200);
  });

  it("a UTF-8 byte order mark is no fault", async () => {
    const one = await newUser(PLENTY);
    const bytes = new Uint8Array([0xef, 0xbb, 0xbf, ...new TextEncoder().encode('{"description":"soup"}')]);
    expectCharged(await call("meal-analyzer", { user: one, body: bytes }));
  });

  it("a photo of 5 MB is taken whole", async () => {
    const one = await newUser(PLENTY);
    const photo = pictureUrl("png", pngWith("x".repeat(5 * MIB - 100)));
    expectCharged(await call("meal-analyzer", { user: one, body: { photo } }));
  });
});

describe("the user is who the token says", () => {
  it("and user_id in the body is ignored, under every name it could have (mistake 11)", async () => {
    const [thief, victim] = [await newUser(PLENTY), await newUser(PLENTY)];
    const claims = Object.fromEntries(
      ["user_id", "userId", "p_user_id", "sub", "user", "uid"].map((name) => [name, victim.id]),
    );
    const answer = await call(`meal-analyzer?user_id=${victim.id}`, {
      user: thief,
      body: { description: "soup", ...claims },
      headers: { "X-User-Id": victim.id, "X-Forwarded-User": victim.id },
    });
    const { charged } = expectCharged(answer);
    await expectUntouched(victim, PLENTY);
    expect((await accountOf(thief)).balance).toBe(PLENTY - charged);
  });

  it("and a user without tokens cannot spend another user's (mistake 11)", async () => {
    const [thief, victim] = [await newUser(), await newUser(PLENTY)];
    const answer = await call("meal-analyzer", {
      user: thief,
      body: { description: "soup", user_id: victim.id },
    });
    expectRefusal(answer, 402, "insufficient_tokens");
    await expectUntouched(victim, PLENTY);
  });
});

describe("a body that is too large", () => {
  const head = '{"description":"';

  it.each(["meal-analyzer", "recipe-generator", "image-generator"])(
    "of 10 MB is refused with 413 and what is allowed (%s)",
    async (name) => {
      const answer = await send(head + "x".repeat(10 * MIB) + '"}', { name, ownConnection: true });
      expectRefusal(answer, 413, "payload_too_large");
      expect(answer.body.details.max_bytes).toBeLessThan(10 * MIB);
    },
  );

  it("does not spoil the connection for the request after it", async () => {
    for (const _round of [1, 2]) {
      await send(head + "x".repeat(10 * MIB) + '"}');
      const next = send({}, { signal: AbortSignal.timeout(PATIENCE_MS) });
      expectRefusal(await next, 400, "invalid_request");
    }
  });

  describe.each(["gateway", "functions process"] as const)("at the %s", (place) => {
    it("is refused by its Content-Length alone, before any of it was sent", async () => {
      const answer = await sendRaw(place, [`Content-Length: ${10 * MIB}`], () => {});
      expect(answer).toMatch(/^HTTP\/1\.1 413 /);
      expect(answer).toContain('"error":"payload_too_large"');
    });

    it("without Content-Length is refused once more than allowed has come, while it is still being sent", async () => {
      const answer = await sendRaw(place, ["Transfer-Encoding: chunked"], async (write, isAnswered) => {
        const chunk = "x".repeat(64 * 1024);
        for (let sent = 0; sent < 9 * MIB && !isAnswered(); sent += chunk.length) {
          await write(`${chunk.length.toString(16)}\r\n${chunk}\r\n`);
        }
      });
      expect(answer).toMatch(/^HTTP\/1\.1 413 /);
      expect(answer).toContain('"error":"payload_too_large"');
    });

    it("is not hidden by a Content-Length that says less", async () => {
      const tooLittle = ["Content-Length: 100"];
      const answer = await sendRaw(place, tooLittle, (write) => write(head + "x".repeat(10_000) + '"}'));
      expect(answer).toMatch(/^HTTP\/1\.1 400 /); // only so much was read, which is no JSON
    });
  });

  /** Writes HTTP by hand, with a body that need not end. Returns the response so far. */
  async function sendRaw(
    place: "gateway" | "functions process",
    headers: string[],
    sendBody: (write: (text: string) => Promise<void>, isAnswered: () => boolean) => Promise<void> | void,
  ): Promise<string> {
    const isGateway = place === "gateway";
    const authorization = isGateway
      ? `Bearer ${user.token}`
      : await new TokenExchange(secrets, stack.url).forFunctions(`Bearer ${user.token}`);
    const ports = portsAt(stack.portBase);
    const socket = connectSocket({ host: "127.0.0.1", port: isGateway ? ports.api : ports.functions });
    let answer = "";
    let isClosed = false;
    socket.on("data", (bytes) => answer += bytes.toString());
    socket.on("error", () => isClosed = true);
    socket.on("close", () => isClosed = true);
    const isAnswered = () => answer.includes("request_id") || isClosed;
    const write = (text: string) =>
      new Promise<void>((resolve) => isClosed ? resolve() : socket.write(text, () => resolve()));
    await write(
      [
        "POST /functions/v1/meal-analyzer HTTP/1.1",
        "Host: 127.0.0.1",
        `Authorization: ${authorization}`,
        `apikey: ${stack.publishableKey}`,
        "Content-Type: application/json",
        ...headers,
        "",
        "",
      ].join("\r\n"),
    );
    await sendBody(write, isAnswered);
    await eventually("an answer", isAnswered, PATIENCE_MS);
    socket.destroy();
    return answer;
  }
});

describe("a request that is not for this function", () => {
  it.each([
    ["text/plain", "text/plain"],
    ["a form", "application/x-www-form-urlencoded"],
    ["multipart", "multipart/form-data; boundary=x"],
    ["JSON's relative", "application/jsonp"],
    ["XML", "application/xml"],
    ["nothing", ""],
  ])("with %s as content type is refused with 415", async (_what, type) => {
    expectRefusal(
      await send('{"description":"soup"}', { headers: { "Content-Type": type } }),
      415,
      "unsupported_media_type",
    );
  });

  it("may write its content type with a charset and in capitals", async () => {
    const one = await newUser(PLENTY);
    const headers = { "Content-Type": "Application/JSON; charset=UTF-8" };
    expectCharged(await call("meal-analyzer", { user: one, body: { description: "soup" }, headers }));
  });

  it.each(["GET", "PUT", "PATCH", "DELETE"])(
    "with method %s is refused with 405 and Allow",
    async (method) => {
      const answer = await send(method === "GET" ? undefined : "{}", { method });
      expectRefusal(answer, 405, "method_not_allowed");
      expect(answer.headers.get("Allow")?.split(/, */)).toEqual(["POST", "OPTIONS"]);
    },
  );

  it("with method POST to one that is read with GET is refused with 405", async () => {
    const answer = await send({}, { name: "balance" });
    expectRefusal(answer, 405, "method_not_allowed");
    expect(answer.headers.get("Allow")?.split(/, */)).toEqual(["GET", "OPTIONS"]);
  });

  it.each([
    "no-such-function",
    "_shared",
    "_app",
    "..%2f_shared",
    "Meal-Analyzer",
    "meal-analyzer.ts",
    "",
  ])(
    "for the function %j is refused with 404",
    async (name) => {
      expectRefusal(await send({}, { name }), 404, "not_found");
    },
  );
});

describe("a credential that is none", () => {
  const claims = () => ({ role: "authenticated", email: "x@example.com", session_id: crypto.randomUUID() });
  const sign = (
    kid: string | undefined,
    key: CryptoKey | Uint8Array,
    alg = "ES256",
    change = {},
    expires = "1h",
  ) =>
    new SignJWT({ ...claims(), ...change }).setProtectedHeader({ alg, kid, typ: "JWT" })
      .setIssuer(`${stack.url}/auth/v1`).setAudience("authenticated").setSubject(user.id)
      .setIssuedAt("-2h").setExpirationTime(expires).sign(key);
  const realKey = () => importJWK(secrets.signingKey, "ES256") as Promise<CryptoKey>;
  const base64url = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

  async function expectUnauthorized(
    headers: Record<string, string | undefined>,
    name = "meal-analyzer",
  ): Promise<void> {
    const answer = await call(name, {
      method: name === "balance" ? "GET" : "POST",
      body: name === "balance" ? undefined : { description: "soup" },
      headers,
    });
    expectRefusal(answer, 401, "unauthorized");
    expect(answer.headers.get("WWW-Authenticate")).toMatch(/^Bearer/);
    expect(answer.body.details).toBeUndefined();
    await expectUntouched(user, PLENTY);
  }

  it("valid control: the project's own signature is accepted", async () => {
    const token = await sign(secrets.signingKey.kid, await realKey());
    const answer = await call("balance", { method: "GET", user: { token } });
    expect(answer.status).toBe(200);
    expect(answer.body.balance).toBe(PLENTY);
  });

  it.each(["meal-analyzer", "balance"])("none at all is refused with 401 (%s)", async (name) => {
    await expectUnauthorized({ Authorization: undefined, apikey: undefined }, name);
  });

  it.each(["meal-analyzer", "balance"])(
    "the publishable key alone is refused with 401 (%s)",
    async (name) => {
      await expectUnauthorized({}, name);
      await expectUnauthorized({ Authorization: `Bearer ${stack.publishableKey}` }, name);
    },
  );

  it.each(["meal-analyzer", "balance"])(
    "the secret key on a user's endpoint is refused with 401 (%s)",
    async (name) => {
      await expectUnauthorized({ apikey: stack.secretKey }, name);
      await expectUnauthorized({ Authorization: `Bearer ${stack.secretKey}` }, name);
      await expectUnauthorized({ apikey: stack.secretKey, Authorization: `Bearer ${stack.secretKey}` }, name);
    },
  );

  it.each([
    ["an empty token", "Bearer "],
    ["no scheme", "eyJhbGciOiJFUzI1NiJ9.e30.AA"],
    ["another scheme", "Basic dXNlcjpwYXNzd29yZA=="],
    ["words", "Bearer not a token"],
    ["two dots", "Bearer .."],
    ["dots and garbage", "Bearer a.b.c"],
  ])("%s is refused with 401", async (_what, authorization) => {
    await expectUnauthorized({ Authorization: authorization });
  });

  it("a token that has expired is refused with 401", async () => {
    const token = await sign(secrets.signingKey.kid, await realKey(), "ES256", {}, "-1h");
    await expectUnauthorized({ Authorization: `Bearer ${token}` });
  });

  it("a cached token is refused once it has expired", async () => {
    const token = await sign(secrets.signingKey.kid, await realKey(), "ES256", {}, "2s");
    const look = () => call("balance", { method: "GET", user: { token } });
    await look(); // a known token is not verified again at each request
    const refused = await eventually("the token's end", async () => {
      const answer = await look();
      return answer.status !== 200 && answer;
    });
    expectRefusal(refused, 401, "unauthorized");
  });

  it("a token with alg none is refused with 401", async () => {
    const payload = {
      ...claims(),
      sub: user.id,
      aud: "authenticated",
      exp: Math.floor(Date.now() / 1000) + 3600,
    };
    for (const alg of ["none", "None", "NONE"]) {
      for (const kid of [secrets.signingKey.kid, undefined]) {
        await expectUnauthorized({
          Authorization: `Bearer ${base64url({ alg, kid, typ: "JWT" })}.${base64url(payload)}.`,
        });
      }
    }
  });

  it("a token signed by another key under our kid is refused with 401", async () => {
    const { privateKey } = await generateKeyPair("ES256");
    await expectUnauthorized({ Authorization: `Bearer ${await sign(secrets.signingKey.kid, privateKey)}` });
  });

  it("a token with a kid that nobody knows, or none, is refused with 401", async () => {
    for (const kid of ["no-such-key", undefined]) {
      await expectUnauthorized({ Authorization: `Bearer ${await sign(kid, await realKey())}` });
    }
  });

  it("a token signed with what is public, the key as HS256 secret, is refused with 401", async () => {
    const { d: _private, ...publicKey } = secrets.signingKey;
    const texts = [stack.publishableKey, JSON.stringify(publicKey), String(publicKey.x), ""];
    for (const text of texts.filter((one) => one !== "")) {
      const secret = new TextEncoder().encode(text);
      await expectUnauthorized({
        Authorization: `Bearer ${await sign(secrets.signingKey.kid, secret, "HS256")}`,
      });
    }
  });

  it("a token whose claims were changed after it was signed is refused with 401", async () => {
    const victim = await newUser(PLENTY);
    const [head, body, signature] = user.token.split(".");
    const payload = JSON.parse(Buffer.from(body!, "base64url").toString());
    const forged = [head, base64url({ ...payload, sub: victim.id }), signature].join(".");
    await expectUnauthorized({ Authorization: `Bearer ${forged}` });
    await expectUntouched(victim, PLENTY);
  });

  it("a token for another audience is refused with 401", async () => {
    const token = await new SignJWT({ ...claims() })
      .setProtectedHeader({ alg: "ES256", kid: secrets.signingKey.kid })
      .setAudience("somebody-else").setSubject(user.id).setExpirationTime("1h").sign(await realKey());
    await expectUnauthorized({ Authorization: `Bearer ${token}` });
  });

  it("a token without a user's id never reaches the ledger", async () => {
    for (const sub of ["", "nobody", "00000000-0000-0000-0000-00000000000g"]) {
      const token = await new SignJWT(claims()).setProtectedHeader({
        alg: "ES256",
        kid: secrets.signingKey.kid,
      })
        .setAudience("authenticated").setSubject(sub).setExpirationTime("1h").sign(await realKey());
      await expectUnauthorized({ Authorization: `Bearer ${token}` });
    }
    const token = await new SignJWT(claims()).setProtectedHeader({
      alg: "ES256",
      kid: secrets.signingKey.kid,
    })
      .setAudience("authenticated").setExpirationTime("1h").sign(await realKey());
    await expectUnauthorized({ Authorization: `Bearer ${token}` });
  });

  it("is refused before the body is looked at", async () => {
    for (const [body, type] of [["{", "application/json"], ["<a/>", "application/xml"]]) {
      const answer = await call("meal-analyzer", { body, headers: { "Content-Type": type } });
      expectRefusal(answer, 401, "unauthorized");
    }
    const large = await call("meal-analyzer", { body: "x".repeat(10 * MIB), ownConnection: true });
    expectRefusal(large, 401, "unauthorized");
  });
});

describe("endpoints for other callers than users", () => {
  let functions: ExtraFunctions;
  beforeAll(async () => {
    functions = await openFunctions();
  });

  const get = (name: string, headers: Record<string, string | undefined>) =>
    call(name, { base: functions.url, method: "GET", headers });

  it("open for servers, take the secret key and nothing else", async () => {
    expect((await get("servers-only", { apikey: stack.secretKey })).body).toEqual({ user_id: "" });
    expectRefusal(await get("servers-only", {}), 401, "unauthorized");
    expectRefusal(await get("servers-only", { apikey: undefined }), 401, "unauthorized");
    expectRefusal(await get("servers-only", { Authorization: `Bearer ${user.token}` }), 401, "unauthorized");
    expectRefusal(await get("servers-only", { apikey: `${stack.secretKey}x` }), 401, "unauthorized");
  });

  it("open for client apps, take the publishable key", async () => {
    expect((await get("clients-only", {})).body).toEqual({ user_id: "" });
    expectRefusal(await get("clients-only", { apikey: undefined }), 401, "unauthorized");
    expectRefusal(await get("clients-only", { apikey: "sb_publishable_wrong" }), 401, "unauthorized");
  });

  it("open for all, take no credential", async () => {
    expect((await get("open", { apikey: undefined })).status).toBe(200);
    expect((await get("open", { Authorization: "Bearer nonsense" })).status).toBe(200);
  });
});

describe("CORS", () => {
  it.each([["meal-analyzer", "POST"], ["balance", "GET"]])(
    "lets a browser call %s with what supabase-js and idempotency need",
    async (name, method) => {
      const asked = [
        "authorization",
        "x-client-info",
        "apikey",
        "content-type",
        "idempotency-key",
        "x-region",
      ];
      const response = await fetch(`${stack.url}/functions/v1/${name}`, {
        method: "OPTIONS",
        headers: {
          Origin: "https://app.example.com",
          "Access-Control-Request-Method": method,
          "Access-Control-Request-Headers": asked.join(","),
        },
      });
      expect(response.ok).toBe(true);
      expect(await response.text()).toBe("");
      const list = (header: string) => (response.headers.get(header) ?? "").toLowerCase().split(/, */);
      expect(response.headers.get("Access-Control-Allow-Origin")).toBe("*");
      expect(list("Access-Control-Allow-Headers")).toEqual(expect.arrayContaining(asked));
      expect(list("Access-Control-Allow-Methods")).toContain(method.toLowerCase());
      expect(Number(response.headers.get("Access-Control-Max-Age"))).toBeGreaterThan(0);
    },
  );

  it("shows a browser the headers that a caller needs, in success and refusal", async () => {
    const one = await newUser(PLENTY);
    const answers = [
      await call("meal-analyzer", { user: one, body: { description: "soup" } }),
      await call("meal-analyzer", { user: one, body: {} }),
    ];
    for (const { headers } of answers) {
      const shown = (headers.get("Access-Control-Expose-Headers") ?? "").toLowerCase().split(/, */);
      expect(shown).toEqual(expect.arrayContaining(["x-request-id", "idempotent-replayed", "retry-after"]));
      expect(headers.get("Cache-Control")).toBe("no-store");
      expect(headers.get("X-Content-Type-Options")).toBe("nosniff");
    }
  });

  it("and supabase.functions.invoke do the rest: data on success, the body of a refusal on failure", async () => {
    const one = await newUser(PLENTY);
    const client = createClient(stack.url, stack.publishableKey, {
      auth: { persistSession: false },
      global: { headers: { Authorization: `Bearer ${one.token}` } },
    });
    const { data, error } = await client.functions.invoke("meal-analyzer", {
      body: { description: "soup" },
      headers: { "Idempotency-Key": crypto.randomUUID() },
    });
    expect(error).toBeNull();
    expect(data.usage.balance).toBe(PLENTY - data.usage.charged);
    const refused = await client.functions.invoke("meal-analyzer", { body: {} });
    expect(refused.error?.context.status).toBe(400);
    expect(await refused.error?.context.json()).toMatchObject({ error: "invalid_request" });
  });
});
