import { describe, expect, it } from "vitest";

import { openAccounts } from "../http/support/accounts.ts";
import { expectCharged, expectRefusal } from "../http/support/calls.ts";
import { openScriptedProvider } from "../http/support/scripted_provider.ts";

const TOKENS = 10_000;
const { newUser, accountOf } = openAccounts();
const provider = await openScriptedProvider();

const meal = (title: string, energy_kcal: number, ingredients: string[] = ["rice"]) => ({
  title,
  description: "Cooked until done.",
  ingredients: ingredients.map((name) => ({ name, mass_g: 100 })),
  energy_kcal,
  protein_g: energy_kcal / 20,
  carbohydrate_g: energy_kcal / 8,
  fat_g: energy_kcal / 30,
});
const day = (energy_kcal: number, ...ingredients: string[]) => ({
  breakfast: meal("Rice pudding", energy_kcal * 0.25),
  lunch: meal("Bowl", energy_kcal * 0.4, ["rice", ...ingredients]),
  dinner: meal("Soup", energy_kcal * 0.35),
});
const body = { days: 1, target: { energy_kcal: 2_000 } };

/** The user's message in a request. */
function userMessage(asked: string): Record<string, unknown> {
  const { messages } = JSON.parse(asked) as { messages: { content: string }[] };
  return JSON.parse(messages[1]!.content);
}

describe("meal-plan-generator", () => {
  it("adds up the day itself, in the order of the meals, and marks food in stock", async () => {
    const user = await newUser(TOKENS);
    const inventory = [{ name: "Brown lentils", quantity: 1, unit: "kg" }];
    const answer = await provider.call("meal-plan-generator", { user, body: { ...body, inventory } }, [
      { ...day(2_000, "lentils"), totals: { energy_kcal: 1 } },
    ]);
    expectCharged(answer);
    const [planned] = answer.body.data.days;
    expect(planned).toMatchObject({ day: 1, totals: { energy_kcal: 2_000, protein_g: 100 } });
    expect(planned.meals.map(({ slot }: { slot: string }) => slot)).toEqual(["breakfast", "lunch", "dinner"]);
    expect(planned.meals[1].ingredients).toEqual([
      { name: "rice", mass_g: 100, in_inventory: false },
      { name: "lentils", mass_g: 100, in_inventory: true },
    ]);
  });

  it.each([
    ["an allergen", { allergies: ["peanuts"] }, day(2_000, "satay sauce"), "satay"],
    ["an allergen told in another language", { allergies: ["lait"] }, day(2_000, "cheddar"), "cheddar"],
    ["an allergy that is none of the 14", { allergies: ["kiwi"] }, day(2_000, "kiwis"), "kiwi"],
    ["what the diet forbids", { diet: "vegan" }, day(2_000, "honey"), "honey"],
    ["a day 11 % above its target", {}, day(2_220), "2220"],
    ["a day 11 % below its target", {}, day(1_780), "1780"],
    [
      "a macronutrient off its target",
      { target: { energy_kcal: 2_000, protein_g: 112 } },
      day(2_000),
      "protein_g",
    ],
  ])("asks again once for %s, with the reason, and charges both calls", async (_what, extra, bad, reason) => {
    const user = await newUser(TOKENS);
    const good = { ...day(2_000), dinner: { ...meal("Soup", 700), protein_g: 40 } };
    const answer = await provider.call("meal-plan-generator", { user, body: { ...body, ...extra } }, [
      bad,
      good,
    ]);
    expectCharged(answer);
    expect(answer.body.usage).toMatchObject({ input_tokens: 200, output_tokens: 200 });
    const [first, second] = provider.asked.map(userMessage);
    expect(first).not.toHaveProperty("refused_because");
    expect(second).toMatchObject({ day: 1, refused_because: [expect.stringContaining(reason)] });
  });

  it("refuses a plan that breaks a rule twice, names the rule, and charges for the calls", async () => {
    const user = await newUser(TOKENS);
    const bad = day(2_000, "peanut butter");
    const answer = await provider.call(
      "meal-plan-generator",
      { user, body: { ...body, allergies: ["peanuts"] } },
      [bad, bad, day(2_000)],
    );
    expectRefusal(answer, 422, "answer_refused");
    expect(answer.body.details).toEqual({ day: 1, reasons: [expect.stringContaining("peanut")] });
    expect(provider.asked).toHaveLength(2);
    expect((await accountOf(user)).charges).toMatchObject([{ charged: answer.body.charged }]);
  });

  it.each([1_801, 2_199])("takes a day of %d kcal, within 10 % of 2,000", async (energy_kcal) => {
    const user = await newUser(TOKENS);
    expectCharged(await provider.call("meal-plan-generator", { user, body }, [day(energy_kcal)]));
  });

  it("takes coconut milk with a milk allergy, and nutmeg with a nut allergy", async () => {
    const user = await newUser(TOKENS);
    const allergies = ["milk", "nuts", "strawberry"];
    const answer = await provider.call("meal-plan-generator", { user, body: { ...body, allergies } }, [
      day(2_000, "coconut milk", "nutmeg"),
    ]);
    expectCharged(answer);
    expect(answer.body.data.allergies_as_written).toEqual(["strawberry"]);
  });

  it("does not offer forbidden food from the inventory", async () => {
    const user = await newUser(TOKENS);
    const inventory = ["cashews", "carrots"].map((name) => ({ name, quantity: 1, unit: "kg" }));
    expectCharged(
      await provider.call(
        "meal-plan-generator",
        { user, body: { ...body, inventory, allergies: ["tree nuts"] } },
        [day(2_000)],
      ),
    );
    expect(provider.asked[0]).toContain("carrots");
    expect(provider.asked[0]).not.toContain("cashews");
  });

  it("plans each day once, and fails as a whole when one day does", async () => {
    const user = await newUser(TOKENS);
    const days = Array.from({ length: 6 }, () => day(2_000));
    const answer = await provider.call("meal-plan-generator", { user, body: { ...body, days: 6 } }, days);
    expectCharged(answer);
    expect(answer.body.data.days.map(({ day }: { day: number }) => day)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(provider.asked).toHaveLength(6);
    expect(provider.asked.slice(4).every((asked) => asked.includes("Rice pudding"))).toBe(true);

    const other = await newUser(TOKENS);
    const broken = Array.from({ length: 12 }, (_, index) => day(index < 4 ? 2_000 : 900));
    expectRefusal(
      await provider.call("meal-plan-generator", { user: other, body: { ...body, days: 6 } }, broken),
      422,
      "answer_refused",
    );
    expect((await accountOf(other)).charges).toHaveLength(1);
  });

  it("refuses a target that no food can meet, before anything is asked", async () => {
    const user = await newUser(TOKENS);
    const target = { energy_kcal: 1_200, protein_g: 400 };
    const answer = await provider.call("meal-plan-generator", { user, body: { ...body, target } }, [
      day(1_200),
    ]);
    expectRefusal(answer, 400, "invalid_request");
    expect(provider.asked).toEqual([]);
  });
});
