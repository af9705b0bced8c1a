import { beforeAll, describe, expect, it } from "vitest";

import { findFreePort } from "../../scripts/local/ports.ts";
import type { ExtraFunctions } from "../../scripts/local/stack.ts";
import type { SignedInUser } from "../support/stack.ts";
import { openAccounts } from "./support/accounts.ts";
import { type Answer, call, expectRefusal } from "./support/calls.ts";
import { logLines, modelCalls, openFunctions } from "./support/functions.ts";
import { openSwitchboard } from "./support/model_switchboard.ts";

const PLENTY = 1_000;
const AI_KEY = "sk-canary-key-of-the-provider";
/** In every prompt here; nothing of it may come back or be logged. */
const CANARY = "canary diary entry";

const { newUser, accountOf, expectUntouched } = openAccounts();
const switchboard = openSwitchboard();
let functions: ExtraFunctions;
let hasty: ExtraFunctions;
let lonely: ExtraFunctions;
let misconfigured: ExtraFunctions;

beforeAll(async () => {
  const env = { AI_BASE_URL: switchboard.baseUrl, AI_API_KEY: AI_KEY };
  [functions, hasty, lonely, misconfigured] = await Promise.all([
    openFunctions(env),
    openFunctions({ ...env, AI_TEXT_MODEL: "demo-hang", AI_IMAGE_MODEL: "demo-hang", AI_TIMEOUT_MS: "300" }),
    openFunctions({ ...env, AI_BASE_URL: `http://127.0.0.1:${await findFreePort()}/v1` }),
    openFunctions({ ...env, AI_TIMEOUT_MS: "soon" }),
  ]);
});

/** Asks one of the functions with words that the switchboard connects to a model. */
function ask(
  user: SignedInUser,
  { name = "meal-analyzer", model, base = functions }: {
    name?: string;
    model?: string;
    base?: ExtraFunctions;
  },
): Promise<Answer> {
  const words = `${CANARY} ${crypto.randomUUID()}`;
  if (model) switchboard.connect(words, model);
  const body = name === "image-generator" ? { prompt: words } : { description: words, text: words };
  return call(name, { base: base.url, user, body });
}

/** The one shape, and nothing in it of the key, the prompt or the provider's own words. */
function expectDiscreet(answer: Answer): void {
  expect(answer.text).not.toContain(AI_KEY);
  expect(answer.text).not.toContain(CANARY);
  expect(answer.text).not.toMatch(/demo|127\.0\.0\.1|api[_ ]key|stack|\.ts\b/i);
  expect(answer.body.details).toBeUndefined();
}

async function expectLogged(base: ExtraFunctions, answer: Answer, cause: string | RegExp): Promise<void> {
  const [line] = await logLines(base, answer.body.request_id);
  expect(line).toMatchObject({ level: "error", status: answer.status, code: answer.body.error });
  expect(line!.cause).toMatch(cause);
  expect(line!.tokens_charged ?? 0).toBe(0);
  expect(base.log).not.toContain(AI_KEY);
  expect(base.log).not.toContain(CANARY);
}

describe("when the provider fails, the caller hears of it in the one shape, nothing is charged and nothing stays held", () => {
  it.each([
    ["is down", "demo-fail-500", "unavailable"],
    ["is overloaded", "demo-fail-503", "unavailable"],
    ["limits the rate", "demo-fail-429", "rate_limited"],
    ["asks for a pause that is too long", "demo-fail-429-retry-after-3600", "rate_limited"],
    ["does not know the key", "demo-fail-401", "misconfigured"],
    ["does not know the model", "no-such-model", "misconfigured"],
    ["rejects the request", "demo-fail-400", "rejected"],
    ["answers nothing", "demo-empty", "empty"],
    ["answers what is not JSON", "demo-nonsense", "nonsense"],
    ["answers JSON of another shape", "demo-wrong-shape", "wrong_shape"],
    ["breaks off in mid-body", "demo-cut", "cut"],
    ["breaks off before the body", "demo-cut-after-0", "cut"],
    ["is a proxy that answers HTML", "demo-garbage", "garbage"],
  ])("meal-analyzer: it %s (%s)", async (_what, model, reason) => {
    const user = await newUser(PLENTY);
    const answer = await ask(user, { model });
    expectRefusal(answer, 502, "provider_error");
    expectDiscreet(answer);
    await expectUntouched(user, PLENTY);
    await expectLogged(functions, answer, new RegExp(`ModelFailure: ${reason} `));
  });

  it.each([
    ["is down", "demo-fail-500", "unavailable"],
    ["draws nothing", "demo-empty", "empty"],
    ["draws what is no image", "demo-nonsense", "nonsense"],
    ["answers JSON of another shape", "demo-wrong-shape", "garbage"],
    ["breaks off in mid-body", "demo-cut", "cut"],
    ["is a proxy that answers HTML", "demo-garbage", "garbage"],
  ])("image-generator: it %s (%s)", async (_what, model, reason) => {
    const user = await newUser(PLENTY);
    const answer = await ask(user, { name: "image-generator", model });
    expectRefusal(answer, 502, "provider_error");
    expectDiscreet(answer);
    await expectUntouched(user, PLENTY);
    await expectLogged(functions, answer, new RegExp(`ModelFailure: ${reason} `));
    const { data } = await user.client.storage.from("generated").list(user.id);
    expect(data).toEqual([]);
  });

  it.each(["meal-analyzer", "image-generator"])("%s: it hangs past AI_TIMEOUT_MS (504)", async (name) => {
    const user = await newUser(PLENTY);
    const answer = await ask(user, { name, base: hasty });
    expectRefusal(answer, 504, "provider_timeout");
    expectDiscreet(answer);
    await expectUntouched(user, PLENTY);
    await expectLogged(hasty, answer, /ModelFailure: timeout /);
  });

  it.each(["meal-analyzer", "image-generator"])("%s: nothing listens at AI_BASE_URL", async (name) => {
    const user = await newUser(PLENTY);
    const answer = await ask(user, { name, base: lonely });
    expectRefusal(answer, 502, "provider_error");
    expectDiscreet(answer);
    await expectUntouched(user, PLENTY);
    await expectLogged(lonely, answer, /ModelFailure: unreachable .*Connection refused/);
  });
});

describe("when the model answers, and what it is asked for leads to nothing", () => {
  it("image-generator: it refuses to draw (demo-refuse), before anything is paid for: nothing is charged", async () => {
    const user = await newUser(PLENTY);
    const answer = await ask(user, { name: "image-generator", model: "demo-refuse" });
    expectRefusal(answer, 422, "answer_refused");
    expectDiscreet(answer);
    expect(answer.body).not.toHaveProperty("charged");
    await expectUntouched(user, PLENTY);
    const [line] = await logLines(functions, answer.body.request_id);
    expect(line!.cause).toMatch(/ModelFailure: refused /);
  });

  it.each([
    ["refuses to answer", "demo-refuse", "refused"],
    ["answers more than may be answered", "demo-truncated", "truncated"],
  ])("meal-analyzer: it %s (%s), and the caller pays for what was used", async (_what, model, reason) => {
    const user = await newUser(PLENTY);
    const answer = await ask(user, { model });
    expectRefusal(answer, 422, "answer_refused");
    expectDiscreet(answer);
    const { balance, held, charges } = await accountOf(user);
    expect({ balance, held }).toEqual({ balance: PLENTY - answer.body.charged, held: 0 });
    expect(charges).toMatchObject([{ charged: answer.body.charged }]);
    const [line] = await logLines(functions, answer.body.request_id);
    expect(line).toMatchObject({ level: "info", tokens_charged: answer.body.charged });
    expect(line!.cause).toMatch(new RegExp(`ModelFailure: ${reason} `));
  });
});

describe("when it is not the provider's fault", () => {
  it("a feature's own bug is 500 internal, not charged, although the model was used", async () => {
    const user = await newUser(PLENTY);
    const answer = await ask(user, { name: "throws" });
    expectRefusal(answer, 500, "internal");
    expectDiscreet(answer);
    expect(answer.text).not.toContain("bug of the feature");
    expect(await modelCalls(answer.body.request_id)).toBe(1);
    await expectUntouched(user, PLENTY);
    await expectLogged(functions, answer, "a bug of the feature");
  });

  it("whatever a feature throws, the caller gets the one shape, and nothing stays held", async () => {
    const user = await newUser(PLENTY);
    const body = { text: "a text", what: "circle" };
    const answer = await call("throws", { base: functions.url, user, body });
    await expectUntouched(user, PLENTY);
    expectRefusal(answer, 500, "internal");
    await logLines(functions, answer.body.request_id);
  });

  it("an answer that does not fit the feature's schema is 502, and no part of it is given away (mistake 32)", async () => {
    const user = await newUser(PLENTY);
    const answer = await ask(user, { name: "misfit" });
    expectRefusal(answer, 502, "provider_error");
    expectDiscreet(answer);
    await expectUntouched(user, PLENTY);
  });

  it("a server without its settings answers 500 internal, and holds nothing", async () => {
    const user = await newUser(PLENTY);
    const answer = await ask(user, { base: misconfigured });
    expectRefusal(answer, 500, "internal");
    expectDiscreet(answer);
    expect(answer.text).not.toContain("AI_TIMEOUT_MS");
    await expectLogged(misconfigured, answer, "AI_TIMEOUT_MS");
    await expectUntouched(user, PLENTY);
  });
});

describe("a provider that recovers", () => {
  it("within the request is asked again, and the answer is charged once", async () => {
    const user = await newUser(PLENTY);
    const answer = await ask(user, { model: `demo-flaky-503-1-${crypto.randomUUID()}` });
    expect(answer.status).toBe(200);
    expect(await modelCalls(answer.body.usage.request_id)).toBe(2);
    expect((await accountOf(user)).charges).toHaveLength(1);
  });

  it("is not asked again once it began to answer, as it may charge for that", async () => {
    const user = await newUser(PLENTY);
    for (const model of ["demo-cut", "demo-nonsense", "demo-refuse", "demo-truncated"]) {
      const answer = await ask(user, { model });
      expect(await modelCalls(answer.body.request_id)).toBe(1);
    }
  });
});
