import { beforeAll, describe, expect, it } from "vitest";

import { functionsFolder } from "../../scripts/local/paths.ts";
import type { ExtraFunctions } from "../../scripts/local/stack.ts";
import { cost } from "../../supabase/functions/_shared/ledger/price.ts";
import mealAnalyzer from "../../supabase/functions/meal-analyzer/index.ts";
import type { SignedInUser } from "../support/stack.ts";
import { openAccounts } from "./support/accounts.ts";
import { call, eventually, expectCharged, expectRefusal } from "./support/calls.ts";
import { callForEvents, type EventAnswer, expectWhole } from "./support/events.ts";
import { logLines, openFunctions } from "./support/functions.ts";
import { type LedgerProxy, openLedgerProxy } from "./support/ledger_proxy.ts";
import { openStreamingProvider } from "./support/streaming_provider.ts";

const PLENTY = 1_000;
const EVENTS = { Accept: "text/event-stream" };

const { newUser, accountOf, expectUntouched } = openAccounts();
const provider = openStreamingProvider();
let functions: ExtraFunctions;
let fixtures: ExtraFunctions;
let hasty: ExtraFunctions;
let behindProxy: ExtraFunctions;
let ledgerProxy: LedgerProxy;

beforeAll(async () => {
  const env = { AI_BASE_URL: provider.baseUrl };
  ledgerProxy = await openLedgerProxy();
  [functions, fixtures, hasty, behindProxy] = await Promise.all([
    openFunctions(env, functionsFolder),
    openFunctions(env),
    openFunctions({ ...env, AI_TIMEOUT_MS: "1000" }),
    openFunctions({ ...env, TEST_SUPABASE_URL: ledgerProxy.url }),
  ]);
});

const dish = (name: string) => ({
  name,
  mass_g: 250,
  energy_kcal: 310,
  protein_g: 10,
  carbohydrate_g: 50,
  fat_g: 7.5,
  confidence: 0.9,
});
const DISHES = JSON.stringify({ dishes: [dish("Lentil soup"), dish("Bread")] });
/** In the middle of a number, which may have more digits. */
const CUT_AT = DISHES.indexOf("310") + 2;
const [FIRST_HALF, SECOND_HALF] = [DISHES.slice(0, CUT_AT), DISHES.slice(CUT_AT)];

function newText(): string {
  return `soup ${crypto.randomUUID()}`;
}

interface Asked {
  text: string;
  answer: Promise<EventAnswer>;
}

function ask(
  user: SignedInUser,
  { base = functions, key, text = newText(), signal }: {
    base?: ExtraFunctions;
    key?: string;
    text?: string;
    signal?: AbortSignal;
  } = {},
): Asked {
  const answer = callForEvents("meal-analyzer", {
    base: base.url,
    user,
    key,
    body: { description: text },
    signal,
  });
  answer.catch(() => {});
  return { text, answer };
}

/** Asks, and lets the model write the first half, which the client sees. */
async function askAndSeeHalf(user: SignedInUser, options: Parameters<typeof ask>[1] = {}) {
  const { text, answer } = ask(user, options);
  const model = await provider.take(text);
  model.write(FIRST_HALF);
  const events = await answer;
  expect(await events.next()).toEqual({
    name: "data",
    data: { dishes: [{ name: "Lentil soup", mass_g: 250 }] },
  });
  return { text, model, events, requestId: events.headers.get("X-Request-Id")! };
}

async function expectSettled(user: SignedInUser) {
  return await eventually("a settlement", async () => {
    const account = await accountOf(user);
    return account.charges.length > 0 && account;
  });
}

describe("a streamed answer", () => {
  it("shows the object while it grows, at once, then the whole and what it cost", async () => {
    const user = await newUser(PLENTY);
    const { model, events, requestId } = await askAndSeeHalf(user);
    expect(events.status).toBe(200);
    expect(events.headers.get("Content-Type")).toBe("text/event-stream");
    expect(events.headers.get("Cache-Control")).toBe("no-store");
    expect(events.headers.get("Access-Control-Allow-Origin")).toBe("*");
    expect(model.request).toMatchObject({ stream: true, stream_options: { include_usage: true } });
    expect((await accountOf(user)).charges).toEqual([]);

    model.write(SECOND_HALF);
    model.end();
    const { data, usage } = expectWhole(await events.rest()).body;
    expect(mealAnalyzer.output.parse(data)).toEqual(data);
    expect(data).toMatchObject({
      dishes: [{ name: "Lentil soup" }, { name: "Bread" }],
      totals: { energy_kcal: 620 },
    });
    expect(usage).toEqual({
      request_id: requestId,
      model: "demo-text",
      input_tokens: 1_000,
      output_tokens: 1_000,
      charged: 7,
      balance: PLENTY - 7,
    });
    expect(await accountOf(user)).toMatchObject({
      balance: PLENTY - 7,
      held: 0,
      anomalies: [],
      charges: [{ charged: 7, request_id: requestId, metadata: { usage: { output_tokens: 1_000 } } }],
    });
    const [line] = await logLines(functions, requestId);
    expect(line).toMatchObject({ status: 200, tokens_charged: 7 });
  });

  it("of a text shows the text while it grows", async () => {
    const user = await newUser(PLENTY);
    const text = newText();
    const answer = callForEvents("echo", { base: fixtures.url, user, body: { text } });
    const model = await provider.take(text);
    model.write("Once upon");
    const events = await answer;
    expect(await events.next()).toEqual({ name: "data", data: { text: "Once upon" } });
    model.write(" a time");
    model.end();
    expect(expectWhole(await events.rest()).body.data).toEqual({ text: "Once upon a time", padding: "" });
  });

  it("is asked for by Accept alone; other clients get JSON", async () => {
    const user = await newUser(PLENTY);
    for (
      const [accept, isStream] of [
        ["application/json;q=0.5, text/event-stream", true],
        ["TEXT/EVENT-STREAM;q=1", true],
        ["*/*", false],
        ["text/*", false],
        ["text/event-streams", false],
      ] as const
    ) {
      const answer = await call("meal-analyzer", {
        user,
        body: { description: "soup" },
        headers: { Accept: accept },
      });
      expect(answer.status).toBe(200);
      expect(answer.headers.get("Content-Type")).toBe(isStream ? "text/event-stream" : "application/json");
    }
  });

  it("costs what the same answer costs in one piece", async () => {
    const user = await newUser(PLENTY);
    const body = { description: "soup and bread" };
    const whole = await call("meal-analyzer", { user, body });
    const streamed = await callForEvents("meal-analyzer", { user, body });
    const { data, usage } = expectWhole(await streamed.rest()).body;
    expect(data).toEqual(whole.body.data);
    const { charged, input_tokens, output_tokens, model } = whole.body.usage;
    expect(usage).toMatchObject({ charged, input_tokens, output_tokens, model });
  });

  it("without reported usage costs the whole hold, with an anomaly, as any other", async () => {
    const user = await newUser(PLENTY);
    const { model, events } = await askAndSeeHalf(user);
    model.write(SECOND_HALF);
    model.end(null);
    const { usage } = expectWhole(await events.rest()).body;
    const { locks, anomalies } = await accountOf(user);
    expect(usage.charged).toBe(locks[0]!.amount);
    expect(anomalies).toMatchObject([{ anomaly_type: "usage_unknown" }]);
  });
});

describe("what is refused before the first event", () => {
  it("has its status and the one shape", async () => {
    const [user, poor] = [await newUser(PLENTY), await newUser(1)];
    const body = { description: "soup" };
    const refused = (options: Parameters<typeof call>[1]) =>
      call("meal-analyzer", {
        base: functions.url,
        body,
        ...options,
        headers: { ...EVENTS, ...options?.headers },
      });
    expectRefusal(await refused({ user: poor }), 402, "insufficient_tokens");
    expectRefusal(await refused({}), 401, "unauthorized");
    expectRefusal(await refused({ user, body: {} }), 400, "invalid_request");
    expectRefusal(await refused({ user, method: "GET", body: undefined }), 405, "method_not_allowed");
    await expectUntouched(user, PLENTY);
    await expectUntouched(poor, 1);
  });

  it("also if the key is in use, or was used for something else", async () => {
    const user = await newUser(PLENTY);
    const key = crypto.randomUUID();
    const { text, model, events } = await askAndSeeHalf(user, { key });
    const again = (description: string) =>
      call("meal-analyzer", { base: functions.url, user, key, body: { description }, headers: EVENTS });
    const busy = await again(text);
    expectRefusal(busy, 409, "request_in_progress");
    expect(busy.headers.get("Retry-After")).toBe("2");
    model.write(SECOND_HALF);
    model.end();
    expectWhole(await events.rest());
    expectRefusal(await again("another soup"), 422, "idempotency_key_reused");
  });

  it("or the provider fails before it has said anything of use", async () => {
    const user = await newUser(PLENTY);
    const { text, answer } = ask(user);
    const model = await provider.take(text);
    model.cut();
    const { status, headers } = await answer;
    expect(status).toBe(502);
    expect(headers.get("Content-Type")).toBe("application/json");
    await expectUntouched(user, PLENTY);
  });
});

describe("a provider that fails in the middle", () => {
  it.each(["cut", "close", "fail"] as const)(
    "(%s) is told as an error event, and nothing is charged",
    async (how) => {
      const user = await newUser(PLENTY);
      const { model, events, requestId } = await askAndSeeHalf(user);
      model[how]();
      const rest = await events.rest();
      expect(rest).toEqual([{
        name: "error",
        data: {
          error: "provider_error",
          message: expect.stringMatching(/^The AI provider's answer (broke off|cannot be read)$/),
          request_id: requestId,
        },
      }]);
      await expectUntouched(user, PLENTY);
      const [line] = await logLines(functions, requestId);
      expect(line).toMatchObject({
        level: "error",
        status: 502,
        code: "provider_error",
        cause: expect.stringMatching(/ModelFailure: (cut|garbage)/),
      });
    },
  );

  it("(by falling silent) is given up at the time limit", async () => {
    const user = await newUser(PLENTY);
    const { model, events } = await askAndSeeHalf(user, { base: hasty });
    expect(await events.rest()).toMatchObject([{ name: "error", data: { error: "provider_timeout" } }]);
    await eventually("the call's end", model.isGone);
    await expectUntouched(user, PLENTY);
  });

  it("(by writing until the time limit) is charged what it wrote, as its caller can bring it about", async () => {
    const user = await newUser(PLENTY);
    const key = crypto.randomUUID();
    const { text, model, events } = await askAndSeeHalf(user, { base: hasty, key });
    const rest = events.rest();
    await eventually("the call's end", () => {
      if (!model.isGone()) model.write(" more");
      return model.isGone();
    });
    const { name, data } = (await rest).at(-1)!;
    expect({ name, data }).toMatchObject({ name: "error", data: { error: "answer_refused" } });
    const { balance, held, charges, anomalies } = await accountOf(user);
    expect({ balance, held }).toEqual({ balance: PLENTY - data.charged, held: 0 });
    expect(charges).toMatchObject([{ charged: data.charged, metadata: { failed_for: "answer_refused" } }]);
    expect(data.charged).toBeGreaterThan(0);
    expect(anomalies).toEqual([]);
    const again = await call("meal-analyzer", { base: hasty.url, user, key, body: { description: text } });
    expectRefusal(again, 422, "answer_refused");
    expect(provider.count(text)).toBe(1);
  });

  it("(by falling away) is told as an error event, and the same key runs again", async () => {
    const user = await newUser(PLENTY);
    const key = crypto.randomUUID();
    const { text, model, events } = await askAndSeeHalf(user, { key });
    model.close();
    expect((await events.rest()).at(-1)).toMatchObject({ name: "error", data: { error: "provider_error" } });
    await expectUntouched(user, PLENTY);

    const retry = await askAndSeeHalf(user, { key, text });
    retry.model.write(SECOND_HALF);
    retry.model.end();
    expectWhole(await retry.events.rest());
    expect((await accountOf(user)).charges).toHaveLength(1);
  });
});

describe("a ledger that cannot be reached at the end", () => {
  it("is an error event: an uncharged answer is not completed", async () => {
    const user = await newUser(PLENTY);
    const text = newText();
    const answer = callForEvents("echo", { base: behindProxy.url, user, body: { text, padding: 10 } });
    const model = await provider.take(text);
    model.write("Once upon");
    const events = await answer;
    const loss = ledgerProxy.lose("any", user.id, "before");
    model.write(" a time");
    model.end();
    const rest = await events.rest();
    loss.mend();
    expect(rest.at(-1)).toMatchObject({ name: "error", data: { error: "service_unavailable" } });
    for (const { data } of rest.slice(0, -1)) expect(data).not.toHaveProperty("padding");
    expect((await accountOf(user)).charges).toEqual([]);
  });
});

describe("a client that hangs up", () => {
  it("without a key stops the model, and pays for what was used by then", async () => {
    const user = await newUser(PLENTY);
    const { text, model, events, requestId } = await askAndSeeHalf(user);
    events.hangUp();
    await eventually("the call's end", model.isGone);
    const { balance, held, charges, locks, anomalies } = await expectSettled(user);
    const [charge] = charges;
    const { usage, stopped } = charge!.metadata;
    expect(stopped).toBe(true);
    const asked = JSON.stringify(model.request.messages).length;
    expect(usage.input_tokens).toBeGreaterThan(text.length / 4);
    expect(usage.input_tokens).toBeLessThan(asked / 3);
    expect(usage.output_tokens).toBe(Math.ceil(FIRST_HALF.length / 4));
    expect(charge!.charged).toBe(cost(mealAnalyzer.price, usage));
    expect(charge!.charged).toBeLessThan(locks[0]!.amount);
    expect({ balance, held, anomalies }).toEqual({
      balance: PLENTY - charge!.charged,
      held: 0,
      anomalies: [],
    });
    expect(locks).toMatchObject([{ status: "settled", response: null }]);
    const [line] = await logLines(functions, requestId);
    expect(line).toMatchObject({
      level: "info",
      cause: "The client hung up",
      tokens_charged: charge!.charged,
    });
  });

  it("without a key, before the model has said anything, pays for the question", async () => {
    const user = await newUser(PLENTY);
    const controller = new AbortController();
    const { text } = ask(user, { signal: controller.signal });
    const model = await provider.take(text);
    controller.abort();
    await eventually("the call's end", model.isGone);
    const { held, charges } = await expectSettled(user);
    expect(held).toBe(0);
    expect(charges[0]!.metadata.usage).toMatchObject({ output_tokens: 0 });
    expect(charges[0]!.charged).toBe(3);
  });

  it("without a key pays no more than was held, however much was written", async () => {
    const user = await newUser(PLENTY);
    const { model, events } = await askAndSeeHalf(user);
    model.write("9".repeat(100_000));
    await new Promise((resolve) => setTimeout(resolve, 200));
    events.hangUp();
    await eventually("the call's end", model.isGone);
    const { held, charges, locks } = await expectSettled(user);
    expect({ held, charged: charges[0]!.charged }).toEqual({ held: 0, charged: locks[0]!.amount });
  });

  it("without a key, while the answer is being settled, pays for it once", async () => {
    const user = await newUser(PLENTY);
    const { model, events } = await askAndSeeHalf(user);
    model.write(SECOND_HALF);
    model.end();
    events.hangUp();
    expect(await expectSettled(user)).toMatchObject({ held: 0, charges: [{}] });
  });

  it("of many calls at once stops them all, and pays for each", async () => {
    const user = await newUser(PLENTY);
    const preferences = newText();
    const answer = callForEvents("meal-plan-generator", {
      base: functions.url,
      user,
      body: { days: 3, target: { energy_kcal: 2_000 }, preferences },
    });
    const calls = [];
    for (let day = 1; day <= 3; day++) calls.push(await provider.take(preferences));
    const [first, second, third] = calls.toSorted((one, other) => dayOf(one) - dayOf(other));
    second!.write(JSON.stringify(plan(2_000)));
    second!.end();
    const events = await answer;
    expect((await events.next())!.data.days).toMatchObject([{ day: 2 }]);
    first!.write("x".repeat(4_000));
    await new Promise((resolve) => setTimeout(resolve, 100));
    events.hangUp();
    await eventually("the calls' end", () => first!.isGone() && third!.isGone());
    const { held, charges } = await expectSettled(user);
    expect(held).toBe(0);
    expect(charges).toHaveLength(1);
    expect(charges[0]!.metadata.usage.output_tokens).toBe(1_000 + 1_000);
    expect(charges[0]!.metadata.usage.input_tokens).toBeGreaterThan(1_000 + 500);
  });

  it("with a key lets the model end, and gets the stored answer when it comes back", async () => {
    const user = await newUser(PLENTY);
    const key = crypto.randomUUID();
    const { text, model, events } = await askAndSeeHalf(user, { key });
    events.hangUp();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(model.isGone()).toBe(false);
    model.write(SECOND_HALF);
    model.end();
    const { held, charges } = await expectSettled(user);
    expect({ held, charged: charges.map(({ charged }) => charged) }).toEqual({ held: 0, charged: [7] });

    const back = await ask(user, { key, text }).answer;
    expect(back.headers.get("Idempotent-Replayed")).toBe("true");
    expect(expectWhole(await back.rest()).body.data.dishes).toHaveLength(2);
    expect(provider.count(text)).toBe(1);
    expect((await accountOf(user)).charges).toHaveLength(1);
  });
});

describe("a replay", () => {
  it("streams the stored answer, and answers JSON with what was streamed, byte for byte", async () => {
    const user = await newUser(PLENTY);
    const body = { description: "soup with bread" };
    for (const isStreamFirst of [true, false]) {
      const key = crypto.randomUUID();
      const asJson = () => call("meal-analyzer", { user, key, body });
      const asEvents = () => callForEvents("meal-analyzer", { user, key, body });
      const first = isStreamFirst ? undefined : await asJson();
      const streamed = await asEvents();
      const events = await streamed.rest();
      const replayed = await asJson();
      expectCharged(replayed);
      expect(expectWhole(events).body).toEqual(replayed.body);
      expect(streamed.headers.get("Idempotent-Replayed")).toBe(isStreamFirst ? null : "true");
      if (first) {
        expect({ text: replayed.text, events: events.length }).toEqual({ text: first.text, events: 2 });
      }
      const again = await asEvents();
      expect(again.headers.get("Idempotent-Replayed")).toBe("true");
      expect(await again.rest()).toEqual(events.slice(-2));
    }
    expect((await accountOf(user)).charges).toHaveLength(2);
  });
});

const meal = (title: string, energy_kcal: number, ingredient = "rice") => ({
  title,
  description: "Cooked until done.",
  ingredients: [{ name: ingredient, mass_g: 100 }],
  energy_kcal,
  protein_g: energy_kcal / 20,
  carbohydrate_g: energy_kcal / 8,
  fat_g: energy_kcal / 30,
});
const plan = (energy_kcal: number, ingredient?: string) => ({
  breakfast: meal("Rice pudding", energy_kcal * 0.25),
  lunch: meal("Bowl", energy_kcal * 0.4, ingredient),
  dinner: meal("Soup", energy_kcal * 0.35),
});

// deno-lint-ignore no-explicit-any
function dayOf({ request }: { request: any }): number {
  return JSON.parse(request.messages[1].content).day;
}

describe("meal-plan-generator", () => {
  it("shows each day as soon as it is checked, in order, and never one that breaks a rule", async () => {
    const user = await newUser(PLENTY);
    const preferences = newText();
    const answer = callForEvents("meal-plan-generator", {
      base: functions.url,
      user,
      body: { days: 2, target: { energy_kcal: 2_000 }, allergies: ["peanuts"], preferences },
    });
    const calls = [await provider.take(preferences), await provider.take(preferences)];
    const [first, second] = calls.toSorted((one, other) => dayOf(one) - dayOf(other));
    second!.write(JSON.stringify(plan(2_000)));
    second!.end();
    const events = await answer;
    const one = await events.next();
    expect(one!.data.days.map(({ day }: { day: number }) => day)).toEqual([2]);
    expect(one!.data.days[0].totals.energy_kcal).toBe(2_000);

    first!.write(JSON.stringify(plan(2_000, "peanut butter")));
    first!.end();
    const again = await provider.take(preferences);
    again.write(JSON.stringify(plan(1_900)));
    again.end();
    const rest = await events.rest();
    const { data, usage } = expectWhole(rest).body;
    expect(data.days.map(({ day }: { day: number }) => day)).toEqual([1, 2]);
    expect(JSON.stringify([one, ...rest])).not.toContain("peanut butter");
    expect(usage).toMatchObject({ input_tokens: 3_000, output_tokens: 3_000 });
    expect(await accountOf(user)).toMatchObject({ held: 0, charges: [{ charged: usage.charged }] });
  });
});
