import { beforeAll, describe, expect, it } from "vitest";

import { functionsFolder } from "../../scripts/local/paths.ts";
import type { ExtraFunctions } from "../../scripts/local/stack.ts";
import type { SignedInUser } from "../support/stack.ts";
import { mp3, wav } from "../support/recordings.ts";
import { type Account, openAccounts } from "./support/accounts.ts";
import { type Answer, call, eventually, expectCharged, expectRefusal } from "./support/calls.ts";
import { callForEvents, expectWhole } from "./support/events.ts";
import { logLines, openFunctions } from "./support/functions.ts";
import { type LedgerProxy, openLedgerProxy } from "./support/ledger_proxy.ts";
import { openScriptedProvider } from "./support/scripted_provider.ts";
import { openStreamingProvider, type StreamedCall } from "./support/streaming_provider.ts";

const PLENTY = 1_000;

const { newUser, accountOf, expectUntouched } = openAccounts();
const provider = openStreamingProvider();
const scripted = await openScriptedProvider();
let functions: ExtraFunctions;
let behindProxy: ExtraFunctions;
let ledgerProxy: LedgerProxy;

beforeAll(async () => {
  const env = { AI_BASE_URL: provider.baseUrl };
  ledgerProxy = await openLedgerProxy();
  [functions, behindProxy] = await Promise.all([
    openFunctions(env, functionsFolder),
    openFunctions({ TEST_SUPABASE_URL: ledgerProxy.url }),
  ]);
});

const step = (text: string) => ({ text, kind: "active", duration_min: 5, tools: ["pot"] });
const STEPS = ["Boil the noodles.", "Chop the herbs.", "Stir in the peanut butter.", "Serve."].map(step);
/** A recipe that cannot be given to whom peanuts are forbidden. */
const RECIPE = { steps: STEPS, substitutions: [] };

function askForRecipe(
  user: SignedInUser,
  { key, title = crypto.randomUUID() }: { key?: string; title?: string } = {},
) {
  const body = { title, summary: "Quick noodles", allergies: ["peanuts"] };
  return { title, body, options: { base: functions.url, user, key, body } };
}

/** The one charge of a failure: its answer says so, and the ledger has its usage and its reason. */
function expectChargedFailure(body: Answer["body"], { balance, held, charges, locks }: Account): number {
  expect({ error: body.error, hasMessage: /\S/.test(body.message) }).toEqual({
    error: "answer_refused",
    hasMessage: true,
  });
  expect(body.message).not.toMatch(/nothing was charged/);
  expect(charges).toMatchObject([{ charged: body.charged, request_id: body.request_id }]);
  expect(charges[0]!.metadata).toMatchObject({ failed_for: "answer_refused" });
  expect({ balance, held }).toEqual({ balance: body.balance, held: 0 });
  expect(body.charged).toBeLessThanOrEqual(locks[0]!.amount);
  return body.charged;
}

describe("a streamed answer that breaks a rule of its caller", () => {
  it("shows no part that will be refused, is charged, and says so", async () => {
    const user = await newUser(PLENTY);
    const { title, options } = askForRecipe(user);
    const answer = callForEvents("recipe-detail-generator", options);
    const model = await provider.take(title);
    const text = JSON.stringify(RECIPE);
    const at = text.indexOf("Chop");
    model.write(text.slice(0, at));
    const stream = await answer;
    const first = (await stream.next())!;
    for (const piece of text.slice(at).match(/[^]{1,20}/g)!) {
      model.write(piece);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    model.end();
    const events = [first, ...await stream.rest()];
    const drafts = events.slice(0, -1);
    expect(drafts.length).toBeGreaterThan(0);
    for (const { data } of drafts) {
      expect(data.steps.map(({ text }: { text: string }) => text)).toEqual(
        ["Boil the noodles.", "Chop the herbs."].slice(0, data.steps.length),
      );
    }
    expect(JSON.stringify(drafts)).not.toMatch(/pea|butter|Stir/);
    expect(events.at(-1)!.name).toBe("error");
    const body = events.at(-1)!.data;
    expect(expectChargedFailure(body, await accountOf(user))).toBe(2 + 1 + 4);
    const [line] = await logLines(functions, body.request_id);
    expect(line).toMatchObject({ status: 422, code: "answer_refused", tokens_charged: 7 });
  });

  it("shows a step once it is whole, numbered and with its tools, and an answer that keeps the rules as before", async () => {
    const user = await newUser(PLENTY);
    const { title, options } = askForRecipe(user);
    const answer = callForEvents("recipe-detail-generator", options);
    const model = await provider.take(title);
    const text = JSON.stringify({ steps: [STEPS[0], STEPS[1]], substitutions: [] });
    model.write(text.slice(0, text.indexOf("Chop") + 8));
    const events = await answer;
    expect(await events.next()).toEqual({ name: "data", data: { steps: [{ number: 1, ...STEPS[0] }] } });
    model.write(text.slice(text.indexOf("Chop") + 8));
    model.end();
    expect(expectWhole(await events.rest()).body.data.steps).toHaveLength(2);
  });

  it("is kept under its key: a retry gets the same failure, and neither asks the model nor pays again", async () => {
    const user = await newUser(PLENTY);
    const key = crypto.randomUUID();
    const { title, options } = askForRecipe(user, { key });
    const events = { ...options, headers: { Accept: "text/event-stream" } };
    const asked = call("recipe-detail-generator", events);
    const model = await provider.take(title);
    model.write(JSON.stringify({ ...RECIPE, steps: [STEPS[2]] }));
    model.end();
    const first = await asked;
    expectRefusal(first, 422, "answer_refused");
    expectChargedFailure(first.body, await accountOf(user));
    const [again, other] = await Promise.all([
      call("recipe-detail-generator", options),
      call("recipe-detail-generator", events),
    ]);
    for (const replay of [again, other]) {
      expectRefusal(replay, 422, "answer_refused");
      expect(replay.text).toBe(first.text);
      expect(replay.headers.get("Idempotent-Replayed")).toBe("true");
    }
    expect(provider.count(title)).toBe(1);
    expect((await accountOf(user)).charges).toHaveLength(1);
  });
});

describe("recipe-generator", () => {
  it("shows complete recipes within the diet, never one that it will drop", async () => {
    const user = await newUser(PLENTY);
    const recipe = (title: string, text: string) => ({
      title,
      summary: "Good.",
      ingredients: [{ name: "rice", mass_g: 200 }],
      steps: [{ text, done_at_min: 10 }],
    });
    const summary = crypto.randomUUID();
    const answer = callForEvents("recipe-generator", {
      base: functions.url,
      user,
      body: { ingredients: ["rice", summary], diet: "vegan" },
    });
    const model = await provider.take(summary);
    const recipes = [
      recipe("Fried rice", "Fry it in butter."),
      recipe("Plain rice", "Boil it."),
      recipe("Last", "Go."),
    ];
    const text = JSON.stringify({ recipes });
    const at = text.indexOf("Last") + 2;
    model.write(text.slice(0, at));
    const events = await answer;
    const first = (await events.next())!.data;
    expect(first.recipes.map(({ title }: { title: string }) => title)).toEqual(["Plain rice"]);
    expect(first.recipes[0]).toMatchObject({ total_duration_min: 10, mass_per_serving_g: 100 });
    model.write(text.slice(at));
    model.end();
    expect(expectWhole(await events.rest()).body.data.recipes).toHaveLength(2);
  });
});

describe("insights", () => {
  it("are shown once complete, each with its computed number, never with an invented one", async () => {
    const user = await newUser(PLENTY);
    const locale = "fr";
    const date = (day: number) => `2026-01-${String(day).padStart(2, "0")}`;
    const fasts = [11, 12, 13, 16].map((duration_h, index) => ({ date: date(index + 1), duration_h }));
    const answer = callForEvents("fasting-insights-generator", {
      base: functions.url,
      user,
      body: { fasts, locale },
    });
    const model = await provider.take("Never encourage fasts over 24 hours");
    const insights = [
      { fact_id: "count", text: "You did 99 of them." },
      { fact_id: "longest", text: "That is long." },
      { fact_id: "mean", text: "Usual." },
    ];
    const text = JSON.stringify({ insights });
    model.write(text.slice(0, text.indexOf("Usual") + 2));
    const events = await answer;
    expect((await events.next())!.data).toEqual({
      insights: [{ fact_id: "longest", text: "That is long.", value: 16, unit: "h" }],
    });
    model.write(text.slice(text.indexOf("Usual") + 2));
    model.end();
    expect(expectWhole(await events.rest()).body.data.insights).toHaveLength(2);
  });
});

describe("an answer in one piece that may not be given", () => {
  const DAY = { days: 1, target: { energy_kcal: 2_000 }, allergies: ["rice"] };
  const meal = (energy_kcal: number) => ({
    title: "Bowl",
    description: "Cooked.",
    ingredients: [{ name: "rice", mass_g: 100 }],
    energy_kcal,
    protein_g: energy_kcal / 20,
    carbohydrate_g: energy_kcal / 8,
    fat_g: energy_kcal / 30,
  });
  const PLAN = { breakfast: meal(500), lunch: meal(800), dinner: meal(700) };
  const WET = { title: "Rice", summary: "Rice", allergies: ["the"] };

  it.each([
    ["recipe-detail-generator", WET, [{ steps: [step("Boil the water.")], substitutions: [] }]],
    ["recipe-generator", { ingredients: ["rice"], max_duration_min: 5 }, [{
      recipes: [{
        title: "Rice",
        summary: "Rice",
        ingredients: [{ name: "rice", mass_g: 100 }],
        steps: [{ text: "Boil it.", done_at_min: 20 }],
      }],
    }]],
    ["meal-plan-generator", DAY, [PLAN, PLAN]],
    ["activity-transcriber", { file: wav(3), weight_kg: 70 }, [{ text: " ", duration: 3 }]],
    ["audio-transcribe", { file: mp3(400, { statedFrames: 80 }) }, [{
      text: "a long talk",
      duration: 25_000,
    }]],
  ])("%s: what was used is charged up to the hold, and kept under the key", async (name, body, answers) => {
    const user = await newUser(PLENTY);
    const key = crypto.randomUUID();
    const answer = await scripted.call(name, { user, key, body }, answers);
    expectRefusal(answer, 422, "answer_refused");
    expect(scripted.asked).toHaveLength(answers.length);
    expect(expectChargedFailure(answer.body, await accountOf(user))).toBeGreaterThan(0);
    const again = await scripted.call(name, { user, key, body }, answers);
    expect(again.text).toBe(answer.text);
    expect(scripted.asked).toHaveLength(0);
    expect((await accountOf(user)).charges).toHaveLength(1);
  });

  it("and cost more than it held is charged the hold, with an anomaly that has the cost", async () => {
    const user = await newUser(PLENTY);
    const answer = await scripted.call("audio-transcribe", {
      user,
      body: { file: mp3(400, { statedFrames: 80 }) },
    }, [
      { text: "a long talk", duration: 25_000 },
    ]);
    const account = await accountOf(user);
    expect(expectChargedFailure(answer.body, account)).toBe(account.locks[0]!.amount);
    expect(account.anomalies).toMatchObject([{
      anomaly_type: "shortfall",
      details: { cost: 1 + 2_500, charged: answer.body.charged },
    }]);
  });
});

describe("what a provider breaks", () => {
  it("is free, whatever was shown; the usage is recorded, and the 21st within an hour is an anomaly", async () => {
    const user = await newUser(PLENTY);
    const description = "soup that nobody understands";
    for (let count = 1; count <= 21; count++) {
      const answer = await scripted.call("meal-analyzer", { user, body: { description } }, [
        "no JSON at all",
      ]);
      expectRefusal(answer, 502, "provider_error");
      expect(answer.body).not.toHaveProperty("charged");
    }
    await expectUntouched(user, PLENTY);
    const { anomalies, locks } = await accountOf(user);
    expect(anomalies).toMatchObject([{ anomaly_type: "paid_failures", details: { quota: 20 } }]);
    const { data } = await user.client.from("token_consumption_locks").select("metadata")
      .eq("request_id", locks[0]!.request_id).single();
    expect(data!.metadata).toMatchObject({
      released_for: "provider_error",
      usage: { input_tokens: 100, output_tokens: 100 },
    });
  });

  it("before a model was paid is no paid failure", async () => {
    const user = await newUser(PLENTY);
    for (let count = 1; count <= 21; count++) {
      expectRefusal(
        await scripted.call("meal-analyzer", { user, body: { description: "soup" } }, []),
        502,
        "provider_error",
      );
    }
    expect((await accountOf(user)).anomalies).toEqual([]);
  });
});

describe("an answer that turns out to be of no use", () => {
  const DISH = {
    name: "Soup",
    mass_g: 250,
    energy_kcal: 310,
    protein_g: 10,
    carbohydrate_g: 50,
    fat_g: 7,
    confidence: 9,
  };
  const MISFIT = JSON.stringify({ dishes: [DISH] });

  async function stream(
    user: SignedInUser,
  ): Promise<{ model: StreamedCall; events: ReturnType<typeof callForEvents> }> {
    const description = `soup ${crypto.randomUUID()}`;
    const events = callForEvents("meal-analyzer", { base: functions.url, user, body: { description } });
    events.catch(() => {});
    return { events, model: await provider.take(description) };
  }

  it("is charged if a part of it was shown", async () => {
    const user = await newUser(PLENTY);
    const { model, events } = await stream(user);
    model.write(MISFIT.slice(0, 40));
    expect((await (await events).next())!.name).toBe("data");
    model.write(MISFIT.slice(40));
    model.end();
    const body = (await (await events).rest()).at(-1)!.data;
    expect(expectChargedFailure(body, await accountOf(user))).toBe(7);
  });

  it("is free if no part of it was shown", async () => {
    const user = await newUser(PLENTY);
    const { model, events } = await stream(user);
    model.write("no JSON at all");
    model.end();
    expect((await events).status).toBe(502);
    await expectUntouched(user, PLENTY);
  });
});

describe("days of a plan that were being made when another one failed", () => {
  it("are stopped, and their usage is charged", async () => {
    const user = await newUser(PLENTY);
    const preferences = crypto.randomUUID();
    const asked = call("meal-plan-generator", {
      base: functions.url,
      user,
      body: { days: 2, target: { energy_kcal: 2_000 }, allergies: ["rice"], preferences },
      headers: { Accept: "text/event-stream" },
    });
    const [one, other] = [await provider.take(preferences), await provider.take(preferences)];
    other.write("x".repeat(4_000));
    await new Promise((resolve) => setTimeout(resolve, 100));
    const rice = {
      title: "Rice",
      description: "Rice.",
      ingredients: [{ name: "rice", mass_g: 1 }],
      energy_kcal: 600,
      protein_g: 1,
      carbohydrate_g: 1,
      fat_g: 1,
    };
    for (const call of [one, undefined]) {
      const model = call ?? await provider.take(preferences);
      model.write(JSON.stringify({ breakfast: rice, lunch: rice, dinner: rice }));
      model.end();
    }
    const { body } = await asked;
    await eventually("the other day's end", other.isGone);
    const { charges } = await accountOf(user);
    expect(body).toMatchObject({ error: "answer_refused", charged: charges[0]!.charged });
    expect(charges[0]!.metadata.usage.output_tokens).toBe(2_000 + 1_000);
  });
});

describe("a settlement whose acknowledgement is lost", () => {
  it("says that the request may have been charged, and removes the files of one that cannot be repeated", async () => {
    const user = await newUser(PLENTY);
    const loss = ledgerProxy.lose("settle_tokens", user.id, "after");
    const answer = await call("image-generator", { base: behindProxy.url, user, body: { prompt: "a bowl" } });
    loss.mend();
    expectRefusal(answer, 503, "service_unavailable");
    expect(answer.body.message).toMatch(/may have been charged/);
    expect(answer.body.charged).toBeNull();
    expect((await accountOf(user)).charges).toHaveLength(1);
    expect((await user.client.storage.from("generated").list(`${user.id}/${answer.body.request_id}-1`)).data)
      .toEqual([]);
  });

  it("of a request with a key gives the answer to the retry, with its files", async () => {
    const user = await newUser(PLENTY);
    const options = { base: behindProxy.url, user, key: crypto.randomUUID(), body: { prompt: "a bowl" } };
    const loss = ledgerProxy.lose("settle_tokens", user.id, "after");
    expectRefusal(await call("image-generator", options), 503, "service_unavailable");
    loss.mend();
    const answer = await call("image-generator", options);
    expectCharged(answer);
    expect((await fetch(answer.body.data.images[0].signed_url)).status).toBe(200);
    expect((await accountOf(user)).charges).toHaveLength(1);
  });
});
