import { Buffer } from "node:buffer";
import { beforeAll, describe, expect, it } from "vitest";

import type { ExtraFunctions } from "../../scripts/local/stack.ts";
import { pictureUrl, pngWith } from "../support/pictures.ts";
import { type SignedInUser, stack } from "../support/stack.ts";
import { openAccounts } from "./support/accounts.ts";
import { type Answer, call, type CallOptions, eventually, expectCharged } from "./support/calls.ts";
import { type LogLine, logLines, openFunctions } from "./support/functions.ts";
import { openSwitchboard } from "./support/model_switchboard.ts";

const PLENTY = 1_000;
const AI_KEY = "a-canary-of-a-key-without-any-prefix";
const PROMPT_CANARY = "canary-of-a-prompt";
const PHOTO_CANARY = "canary-of-a-photo";
const KEY_CANARY = "canary-of-an-idempotency-key";

const { newUser } = openAccounts();
const switchboard = openSwitchboard();
let functions: ExtraFunctions;

beforeAll(async () => {
  functions = await openFunctions({ AI_BASE_URL: switchboard.baseUrl, AI_API_KEY: AI_KEY });
});

const photo = pictureUrl("png", pngWith(PHOTO_CANARY));

function ask(options: CallOptions & { name?: string; words?: string } = {}): Promise<Answer> {
  const { name = "meal-analyzer", words = "soup", ...rest } = options;
  const text = `${PROMPT_CANARY} ${words}`;
  return call(name, { base: functions.url, body: { description: text, text }, ...rest });
}

/** The one line of a request that was not repeated. */
async function lineOf(answer: Answer): Promise<LogLine> {
  const lines = await logLines(functions, answer.headers.get("X-Request-Id")!);
  expect(lines).toHaveLength(1);
  return lines[0]!;
}

/** Texts that no line may contain, whatever happened. */
function expectNoSecrets(...users: SignedInUser[]): void {
  const { log } = functions;
  const secrets = [AI_KEY, PROMPT_CANARY, PHOTO_CANARY, KEY_CANARY, stack.secretKey, stack.publishableKey];
  for (const secret of [...secrets, Buffer.from(PHOTO_CANARY).toString("base64").slice(0, 20)]) {
    expect(log).not.toContain(secret);
  }
  for (const { token } of users) {
    for (const part of token.split(".")) expect(log).not.toContain(part);
  }
  expect(log).not.toMatch(/eyJ|Bearer|sb_secret|base64,/);
}

describe("each request leaves one line of JSON", () => {
  it("for a success: who, what, how much, which model, how long", async () => {
    const user = await newUser(PLENTY);
    const answer = await ask({ user });
    const { requestId, charged } = expectCharged(answer);
    const line = await lineOf(answer);
    expect(line).toEqual({
      time: expect.any(String),
      level: "info",
      request_id: requestId,
      user_id: user.id,
      function: "meal-analyzer",
      status: 200,
      tokens_charged: charged,
      model: answer.body.usage.model,
      duration_ms: expect.any(Number),
    });
    expect(Date.parse(line.time as string)).not.toBeNaN();
    expect(Number.isInteger(line.duration_ms)).toBe(true);
    expectNoSecrets(user);
  });

  it("for a photo, which is not in it", async () => {
    const user = await newUser(PLENTY);
    const answer = await ask({ user, body: { photo } });
    expectCharged(answer);
    expect(await lineOf(answer)).toMatchObject({ status: 200, model: "demo-vision" });
    expectNoSecrets(user);
  });

  it("for a replay: marked, and charging nothing", async () => {
    const user = await newUser(PLENTY);
    const key = `${KEY_CANARY} ${crypto.randomUUID()}`;
    const first = await ask({ user, key });
    await ask({ user, key });
    const lines = await logLines(functions, first.body.usage.request_id, 2);
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatchObject({ status: 200, tokens_charged: first.body.usage.charged });
    expect(lines[0]).not.toHaveProperty("replayed");
    expect(lines[1]).toMatchObject({ status: 200, replayed: true, user_id: user.id });
    expect(lines[1]!.tokens_charged ?? 0).toBe(0);
    expectNoSecrets(user);
  });

  it("for too few tokens (402)", async () => {
    const user = await newUser();
    const line = await lineOf(await ask({ user }));
    expect(line).toMatchObject({
      level: "info",
      status: 402,
      code: "insufficient_tokens",
      user_id: user.id,
      function: "meal-analyzer",
    });
    expect(line).not.toHaveProperty("tokens_charged");
    expectNoSecrets(user);
  });

  it.each([
    ["does not fit", { description: 1, photo, locale: PROMPT_CANARY }],
    ["is no JSON", `{"description":"${PROMPT_CANARY}`],
    ["has a bad photo", { photo: `data:image/gif;base64,${btoa(PHOTO_CANARY)}` }],
  ])("for a body that %s (400), without the body", async (_what, body) => {
    const user = await newUser();
    const line = await lineOf(await ask({ user, body }));
    expect(line).toMatchObject({ level: "info", status: 400, code: "invalid_request", user_id: user.id });
    expectNoSecrets(user);
  });

  it("for a bad credential (401), without it, and naming no user", async () => {
    const user = await newUser();
    const forged = `${user.token.slice(0, -6)}AAAAAA`;
    for (
      const authorization of [`Bearer ${forged}`, `Bearer ${stack.secretKey}`, "Bearer canary", undefined]
    ) {
      const line = await lineOf(await ask({ headers: { Authorization: authorization } }));
      expect(line).toMatchObject({ level: "info", status: 401, code: "unauthorized" });
      expect(line).not.toHaveProperty("user_id");
    }
    expectNoSecrets(user);
  });

  it.each([
    ["demo-fail-500", "unavailable"],
    ["demo-nonsense", "nonsense"],
    ["demo-wrong-shape", "wrong_shape"],
  ])("for a provider that fails (502, %s), with the cause and without the prompt", async (model, reason) => {
    const user = await newUser(PLENTY);
    const words = crypto.randomUUID();
    switchboard.connect(words, model);
    const line = await lineOf(await ask({ user, words }));
    expect(line).toMatchObject({
      level: "error",
      status: 502,
      code: "provider_error",
      cause: expect.stringContaining(reason),
      user_id: user.id,
    });
    expect(line).not.toHaveProperty("tokens_charged");
    expectNoSecrets(user);
  });

  it("for a model that refuses its caller (422), with the cause, the charge and without the prompt", async () => {
    const user = await newUser(PLENTY);
    const words = crypto.randomUUID();
    switchboard.connect(words, "demo-refuse");
    expect(await lineOf(await ask({ user, words }))).toMatchObject({
      level: "info",
      status: 422,
      code: "answer_refused",
      cause: expect.stringContaining("refused"),
      tokens_charged: expect.any(Number),
      user_id: user.id,
    });
    expectNoSecrets(user);
  });

  it("for a bug of a feature (500), with where it is", async () => {
    const user = await newUser(PLENTY);
    const line = await lineOf(await ask({ user, name: "throws" }));
    expect(line).toMatchObject({ level: "error", status: 500, code: "internal", function: "throws" });
    expect(line.cause).toMatch(/^TypeError: a bug of the feature\n.*throws\/index\.ts/s);
    expectNoSecrets(user);
  });

  it("for a wrong method and content type (405, 415), and none for a preflight", async () => {
    const user = await newUser();
    expect(await lineOf(await ask({ user, method: "PUT" }))).toMatchObject({ status: 405 });
    expect(await lineOf(await ask({ user, headers: { "Content-Type": "text/plain" } }))).toMatchObject({
      status: 415,
    });
    const before = functions.log;
    const preflight = await fetch(`${functions.url}/functions/v1/meal-analyzer`, { method: "OPTIONS" });
    await preflight.text();
    await lineOf(await ask({ user })); // what would have been logged before this is there by now
    expect(functions.log.slice(before.length)).not.toMatch(/OPTIONS|"status":204/);
  });

  it("and never more than a line, whatever a caller writes into its headers", async () => {
    const user = await newUser(PLENTY);
    const answer = await ask({ user, key: 'x","status":999,"a":"\\n{}' });
    expectCharged(answer);
    expect((await lineOf(answer)).status).toBe(200);
    await eventually("lines", () => functions.log.length > 0);
    const jsonLines = functions.log.split("\n").filter((one) => one.startsWith("{"));
    for (const one of jsonLines) expect(() => JSON.parse(one)).not.toThrow();
    expectNoSecrets(user);
  });
});
