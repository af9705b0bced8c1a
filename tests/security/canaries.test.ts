import { Buffer } from "node:buffer";
import { beforeAll, describe, expect, it } from "vitest";

import { readSecrets } from "../../scripts/local/secrets.ts";
import type { ExtraFunctions } from "../../scripts/local/stack.ts";
import { openAccounts } from "../http/support/accounts.ts";
import { call, expectCharged, readAnswer } from "../http/support/calls.ts";
import { openFunctions } from "../http/support/functions.ts";
import { openSwitchboard } from "../http/support/model_switchboard.ts";
import { pictureUrl, pngWith } from "../support/pictures.ts";
import { anonymousClient, serviceClient, type SignedInUser, stack } from "../support/stack.ts";
import { expectNowhere, readLogs } from "./logs.ts";
import { credentialsOf, send } from "./requests.ts";

// Secrets are planted through real requests, and looked for in all that the stack's processes wrote: Postgres, REST, Auth
// and Storage, the gateways, the demo model, and every functions process of the suite.

const TOKENS = 100_000;
const canary = (of: string) => `canary-of-${of}-${crypto.randomUUID()}`;

const AI_KEY = canary("the-ai-key");
const PROMPT = canary("a-prompt");
const IDEMPOTENCY_KEY = canary("an-idempotency-key");
const PASSWORD = canary("a-password");
const WRONG_PASSWORD = canary("a-wrong-password");
const PHOTO = canary("a-photo");

const { newUser } = openAccounts();
const switchboard = openSwitchboard();
let functions: ExtraFunctions;
let user: SignedInUser;
let planted: Record<string, string>;

beforeAll(async () => {
  functions = await openFunctions({ AI_BASE_URL: switchboard.baseUrl, AI_API_KEY: AI_KEY });
  user = await newUser(TOKENS);
  const { data } = await user.client.auth.getSession();
  const secrets = await readSecrets(stack.dataDir);
  const { publishableKey: _public, signingKey, otpProofKey, ...own } = secrets;
  const [, claims, signature] = user.token.split(".");
  planted = {
    ...own,
    "the private signing key": signingKey.d!,
    "the private key of proofs": otpProofKey.d!,
    "a token's claims": claims!,
    "a token's signature": signature!,
    "a refresh token": data.session!.refresh_token,
    "the AI key": AI_KEY,
    "a prompt": PROMPT,
    "a photo": photoText,
    "an idempotency key": IDEMPOTENCY_KEY,
    "a password": PASSWORD,
    "a wrong password": WRONG_PASSWORD,
  };
});

const photoText = Buffer.from(PHOTO).toString("base64").slice(0, 40);
const photo = pictureUrl("png", pngWith(PHOTO));

const ask = (name: string, body: unknown, options: Parameters<typeof call>[1] = {}) =>
  call(name, { base: functions.url, user, body, ...options });

it("the logs exist and have other content: otherwise nothing below would find anything", async () => {
  const answer = await ask("meal-analyzer", { description: "soup" });
  expectCharged(answer);
  const logs = await readLogs();
  expect([...logs.keys()]).toEqual(expect.arrayContaining(["postgres.log", "lite.log", "gateway.log"]));
  const all = [...logs.values()].join("\n");
  expect(all).toContain(answer.headers.get("X-Request-Id"));
  expect(all).toContain(user.id);
});

describe("no process writes down a secret", () => {
  it("of a success, with a photo, an idempotency key and its replay", async () => {
    const body = { description: PROMPT, photo };
    expectCharged(await ask("meal-analyzer", body, { key: IDEMPOTENCY_KEY }));
    expect((await ask("meal-analyzer", body, { key: IDEMPOTENCY_KEY })).status).toBe(200);
    expectCharged(await ask("image-generator", { prompt: PROMPT }));
    await expectNowhere(planted);
  });

  it.each(["demo-fail-500", "demo-nonsense", "demo-wrong-shape", "demo-refuse", "demo-fail-429"])(
    "of a provider that fails (%s)",
    async (model) => {
      const words = crypto.randomUUID();
      switchboard.connect(words, model);
      await ask("meal-analyzer", { description: `${PROMPT} ${words}`, photo });
      await expectNowhere(planted);
    },
  );

  it("of a feature that crashes", async () => {
    for (const what of ["error", "circle"]) {
      const answer = await ask("throws", { text: PROMPT, what });
      expect(answer.status).toBe(500);
      expect(answer.text).not.toContain(PROMPT);
    }
    await expectNowhere(planted);
  });

  it("of requests that are refused: body, credential, size, method", async () => {
    await ask("meal-analyzer", { description: 1, [PROMPT]: PROMPT, photo });
    await ask("meal-analyzer", `{"description":"${PROMPT}`);
    await ask("meal-analyzer", { description: PROMPT.repeat(200_000) }, { ownConnection: true });
    await ask("meal-analyzer", { description: PROMPT }, { method: "PUT" });
    await ask("meal-analyzer", { description: PROMPT }, {
      headers: { Authorization: `Bearer ${user.token}x`, "Idempotency-Key": IDEMPOTENCY_KEY },
    });
    await ask("meal-analyzer", { description: PROMPT }, {
      headers: { Authorization: `Bearer ${stack.secretKey}` },
    });
    await expectNowhere(planted);
  });

  it("of signing up and in, with a right, a wrong and a weak password", async () => {
    const auth = anonymousClient().auth;
    const email = `${crypto.randomUUID()}@example.com`;
    expect((await auth.signUp({ email, password: PASSWORD })).error).toBeNull();
    expect((await auth.signUp({ email, password: PASSWORD })).data.session).toBeNull();
    expect((await auth.signInWithPassword({ email, password: PASSWORD })).error).toBeNull();
    expect((await auth.signInWithPassword({ email, password: WRONG_PASSWORD })).error).not.toBeNull();
    await auth.refreshSession({ refresh_token: WRONG_PASSWORD });
    await auth.updateUser({ password: PASSWORD });
    await expectNowhere(planted);
  });

  it("of REST and Storage that fail", async () => {
    const credentials = { apikey: stack.secretKey };
    await send("/rest/v1/rpc/add_tokens", {
      method: "POST",
      credentials,
      body: { p_user_id: "x", p_amount: "y" },
    });
    await send("/rest/v1/token_balances?nothing=eq.1", { credentials: credentialsOf(user) });
    await send("/rest/v1/token_balances", { method: "POST", credentials, body: { user_id: user.id } });
    await serviceClient().storage.from("no-such-bucket").upload("x", PHOTO);
    await expectNowhere(planted);
  });

  it("from a URL, when the gateway finds no functions process", async () => {
    const dead = await openFunctions();
    await dead.kill();
    const address = `${dead.url}/functions/v1/balance?apikey=${stack.secretKey}&token=${user.token}`;
    const answer = await readAnswer(await fetch(address));
    expect(answer.status).toBe(503);
    expect(answer.text).not.toContain(stack.secretKey);
    await expectNowhere(planted);
  });

  it("whatever the rest of the suite did so far", async () => {
    await expectNowhere({
      "a JWT": /\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}/,
      "a secret key": /\bsb_secret_\w/,
      "an Authorization header": /\bBearer [\w-]{20,}/,
      "a picture": /\bbase64,[\w+/]{40}/,
      "a password in an address": /\bpostgres(?:ql)?:\/\/[^\s:]+:[^\s@]+@/,
    });
  });
});
