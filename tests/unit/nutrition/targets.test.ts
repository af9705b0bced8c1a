import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { mealsOfDay } from "../../../supabase/functions/_app/kitchen/menu.ts";
import { sum } from "../../../supabase/functions/_app/nutrition/macros.ts";
import { DayTarget, mealBounds, missesOf } from "../../../supabase/functions/_app/nutrition/targets.ts";

const macros = { energy_kcal: 2_000, protein_g: 100, carbohydrate_g: 250, fat_g: 66 };

describe("missesOf", () => {
  it.each([[1_800, 0], [2_200, 0], [1_799.9, 1], [2_200.1, 1]])(
    "finds in %d kcal of 2,000 %d misses",
    (energy, count) => {
      expect(missesOf({ ...macros, energy_kcal: energy }, { energy_kcal: 2_000 })).toHaveLength(count);
    },
  );

  it("names the number, and what it must be", () => {
    expect(missesOf(macros, { energy_kcal: 2_000, protein_g: 150 })).toEqual([
      "protein_g of the day is 100, it must be from 135 to 165",
    ]);
  });
});

describe("mealBounds", () => {
  it.each([0, 1, 2])("make any day with %d snacks meet its target", (snacks) => {
    const meals = mealsOfDay(snacks);
    expect(meals.reduce((total, [_slot, share]) => total + share, 0)).toBeCloseTo(1);
    const targets = fc.record({
      energy_kcal: fc.double({ min: 1_000, max: 6_000, noNaN: true }),
      fat_g: fc.double({ min: 10, max: 400, noNaN: true }),
    });
    const places = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 5, maxLength: 5 });
    fc.assert(fc.property(targets, places, (target, places) => {
      const within = (wanted: number, share: number, place: number) => {
        const { minimum, maximum } = mealBounds(wanted, share);
        return minimum + place * (maximum - minimum);
      };
      const day = meals.map(([_slot, share], index) => ({
        energy_kcal: within(target.energy_kcal, share, places[index]!),
        fat_g: within(target.fat_g, share, places[4 - index]!),
        protein_g: 0,
        carbohydrate_g: 0,
      }));
      expect(missesOf(sum(day), target)).toEqual([]);
    }));
  });
});

describe("DayTarget", () => {
  it.each([
    [{ energy_kcal: 2_000 }, true],
    [{ energy_kcal: 2_000, protein_g: 100, carbohydrate_g: 250, fat_g: 66 }, true],
    [{ energy_kcal: 999 }, false],
    [{ energy_kcal: 1_000, protein_g: 500 }, false],
    [{ energy_kcal: 3_000, protein_g: 50, carbohydrate_g: 100, fat_g: 20 }, false],
  ])("takes %j: %s", (target, fits) => {
    expect(DayTarget.safeParse(target).success).toBe(fits);
  });
});
