import { describe, expect, it } from "vitest";

import { normalName } from "../../../supabase/functions/_app/kitchen/names.ts";
import { foodMacros, FOODS } from "../../../supabase/functions/_app/nutrition/foods.ts";

describe("the food table", () => {
  it("has more than 120 foods, each under its normal name", () => {
    expect(FOODS.length).toBeGreaterThan(120);
    expect(FOODS.filter((food) => normalName(food) !== food)).toEqual([]);
  });

  it.each(FOODS.map((food) => [food]))("says of %s what can be true of 100 g", (food) => {
    const { energy_kcal, protein_g, carbohydrate_g, fat_g } = foodMacros(food, 100)!;
    expect(protein_g + carbohydrate_g + fat_g).toBeLessThanOrEqual(101);
    expect(energy_kcal).toBeLessThanOrEqual(900);
    // Fibre and acids give less than Atwater's general factors say; nothing gives much more.
    const general = 4 * protein_g + 4 * carbohydrate_g + 9 * fat_g;
    expect(energy_kcal).toBeLessThanOrEqual(general * 1.08 + 20);
    expect(energy_kcal).toBeGreaterThanOrEqual(general * 0.5);
  });
});

describe("foodMacros", () => {
  it("is in proportion to the mass", () => {
    const { energy_kcal, protein_g } = foodMacros("olive oil", 10)!;
    expect({ energy_kcal, protein_g }).toEqual({ energy_kcal: 88.4, protein_g: 0 });
    expect(foodMacros("lentil", 0)).toEqual({ energy_kcal: 0, protein_g: 0, carbohydrate_g: 0, fat_g: 0 });
  });

  it("does not guess", () => {
    expect(foodMacros("unheard of", 100)).toBeUndefined();
    expect(foodMacros("constructor", 100)).toBeUndefined();
  });
});
