import { describe, expect, it } from "vitest";

import { openAccounts } from "../http/support/accounts.ts";
import { expectCharged, expectRefusal } from "../http/support/calls.ts";
import { openScriptedProvider } from "../http/support/scripted_provider.ts";

const TOKENS = 1_000;
const { newUser, accountOf, expectUntouched } = openAccounts();
const provider = await openScriptedProvider();

const recipe = (ingredients: [string, number][], ...done: number[]) => ({
  title: "Stew",
  summary: "A stew.",
  ingredients: ingredients.map(([name, mass_g]) => ({ name, mass_g })),
  steps: done.map((done_at_min) => ({ text: "Stir.", done_at_min })),
  total_duration_min: 180,
});
const body = { ingredients: ["red lentils", "carrots", "dulse"], servings: 2 };

describe("recipe-generator", () => {
  it("computes times, masses and the nutrition of a serving, and names what it does not know", async () => {
    const user = await newUser(TOKENS);
    const answer = await provider.call("recipe-generator", { user, body }, [
      {
        recipes: [recipe([["red lentils", 150], ["oil", 20], ["dulse", 10], ["red lentils", 50]], 10, 5, 25)],
      },
    ]);
    expectCharged(answer);
    expect(answer.body.data.recipes).toMatchObject([{
      ingredients: [{ name: "red lentils", mass_g: 200 }, { name: "oil", mass_g: 20 }, {
        name: "dulse",
        mass_g: 10,
      }],
      steps: [10, 0, 15].map((duration_min) => ({ text: "Stir.", duration_min })),
      total_duration_min: 25,
      mass_per_serving_g: 115,
      nutrition_per_serving: { energy_kcal: 440.4, protein_g: 24.6, carbohydrate_g: 63.4, fat_g: 11.1 },
      ingredients_without_nutrition: ["dulse"],
    }]);
  });

  it.each([
    ["an ingredient that is not at hand", {}, recipe([["beef", 200]], 10)],
    [
      "what the diet forbids, though it was listed",
      { diet: "vegan", ingredients: ["carrots", "feta"] },
      recipe([["feta", 100]], 10),
    ],
  ])("refuses %s, which the model was not offered, and charges nothing", async (_what, extra, one) => {
    const user = await newUser(TOKENS);
    const answer = await provider.call("recipe-generator", { user, body: { ...body, ...extra } }, [{
      recipes: [one],
    }]);
    expectRefusal(answer, 502, "provider_error");
    await expectUntouched(user, TOKENS);
  });

  it.each([
    ["a step that the diet forbids", { diet: "vegan" }, {
      ...recipe([["carrots", 200]], 10),
      steps: [{ text: "Add butter.", done_at_min: 5 }],
    }],
    [
      "steps of 40 minutes where 30 were allowed",
      { max_duration_min: 30 },
      recipe([["carrots", 200]], 20, 40),
    ],
  ])("refuses %s, and charges for what was made", async (_what, extra, one) => {
    const user = await newUser(TOKENS);
    const answer = await provider.call("recipe-generator", { user, body: { ...body, ...extra } }, [{
      recipes: [one],
    }]);
    expectRefusal(answer, 422, "answer_refused");
    expect((await accountOf(user)).charges).toMatchObject([{ charged: answer.body.charged }]);
  });

  it("drops the recipe that takes too long and keeps the others", async () => {
    const user = await newUser(TOKENS);
    const answer = await provider.call(
      "recipe-generator",
      { user, body: { ...body, max_duration_min: 30 } },
      [
        { recipes: [recipe([["carrots", 200]], 20, 40), recipe([["carrots", 200]], 20, 30)] },
      ],
    );
    expectCharged(answer);
    expect(answer.body.data.recipes).toMatchObject([{ total_duration_min: 30 }]);
  });

  it("does not ask when the diet leaves no ingredient", async () => {
    const user = await newUser(TOKENS);
    const answer = await provider.call(
      "recipe-generator",
      { user, body: { ingredients: ["beef", "feta"], diet: "vegan" } },
      [],
    );
    expectRefusal(answer, 400, "invalid_request");
    expect(provider.asked).toEqual([]);
  });
});

const step = (text: string, duration_min: number, kind = "active", tools: string[] = []) => ({
  text,
  kind,
  duration_min,
  tools,
});
const substitution = (ingredient: string, substitute: string) => ({
  ingredient,
  substitute,
  note: "Tastes alike.",
});
const detailed = { title: "Three-hour stew", summary: "A stew of three hours.", ingredients: ["lentils"] };

describe("recipe-detail-generator", () => {
  it("adds a 3-hour recipe of 10 minutes' steps up to 10 minutes", async () => {
    const user = await newUser(TOKENS);
    const answer = await provider.call("recipe-detail-generator", { user, body: detailed }, [{
      steps: [step("Chop.", 4, "active", ["knife", "Pans"]), step("Cook.", 6, "waiting", ["pan", "pan"])],
      substitutions: [],
      total_duration_min: 180,
    }]);
    expectCharged(answer);
    expect(answer.body.data).toMatchObject({
      steps: [{ number: 1, tools: ["knife", "Pans"] }, { number: 2, tools: ["pan"] }],
      tools: ["knife", "Pans"],
      total_duration_min: 10,
      active_duration_min: 4,
    });
  });

  it("drops substitutes that break a rule or replace nothing", async () => {
    const user = await newUser(TOKENS);
    const answer = await provider.call(
      "recipe-detail-generator",
      { user, body: { ...detailed, diet: "vegan", allergies: ["nuts", "strawberry"] } },
      [{
        steps: [step("Cook.", 20)],
        substitutions: [
          substitution("oat cream", "almond cream"),
          substitution("oat cream", "butter"),
          substitution("oat cream", "Oat creams"),
          substitution("oat cream", "coconut cream"),
        ],
      }],
    );
    expectCharged(answer);
    expect(answer.body.data.substitutions).toEqual([substitution("oat cream", "coconut cream")]);
    expect(answer.body.data.allergies_as_written).toEqual(["strawberry"]);
  });

  it("refuses steps with an allergen, and charges for what was made", async () => {
    const user = await newUser(TOKENS);
    const answer = await provider.call(
      "recipe-detail-generator",
      { user, body: { ...detailed, allergies: ["peanuts"] } },
      [{ steps: [step("Sprinkle with groundnuts.", 1)], substitutions: [] }],
    );
    expectRefusal(answer, 422, "answer_refused");
    expect((await accountOf(user)).charges).toMatchObject([{ charged: answer.body.charged }]);
  });
});
