import { describe, expect, it } from "vitest";

import { openAccounts } from "../http/support/accounts.ts";
import { expectCharged, expectRefusal } from "../http/support/calls.ts";
import { openScriptedProvider } from "../http/support/scripted_provider.ts";

const { newUser, expectUntouched } = openAccounts();
const provider = await openScriptedProvider();

const soup = {
  name: "lentil soup",
  mass_g: 300,
  confidence: 0.8,
  energy_kcal: 300,
  protein_g: 18,
  carbohydrate_g: 40,
  fat_g: 7.5,
};

describe("meal-analyzer", () => {
  it("adds up the dishes itself, and checks the energy against the macronutrients", async () => {
    const user = await newUser(100);
    const answer = await provider.call(
      "meal-analyzer",
      { user, body: { description: "two bowls of soup" } },
      [
        { dishes: [soup, { ...soup, energy_kcal: 100 }], totals: { energy_kcal: 1 } },
      ],
    );
    expectCharged(answer);
    expect(answer.body.data).toMatchObject({
      totals: { energy_kcal: 400, protein_g: 36, carbohydrate_g: 80, fat_g: 15 },
      energy_from_macros_kcal: 599,
      energy_plausible: false,
    });
  });

  it("refuses a dish that weighs nothing, and charges nothing", async () => {
    const user = await newUser(100);
    const answer = await provider.call("meal-analyzer", { user, body: { description: "air" } }, [
      { dishes: [{ ...soup, mass_g: 0 }] },
    ]);
    expectRefusal(answer, 502, "provider_error");
    await expectUntouched(user, 100);
  });
});
