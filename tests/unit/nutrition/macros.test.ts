import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { checkEnergy, Macros, subtract, sum } from "../../../supabase/functions/_app/nutrition/macros.ts";

const amount = (max: number) => fc.double({ min: 0, max, noNaN: true, noDefaultInfinity: true });
const macros = fc.record({
  energy_kcal: amount(20_000),
  protein_g: amount(2_000),
  carbohydrate_g: amount(2_000),
  fat_g: amount(2_000),
});
const KEYS = ["energy_kcal", "protein_g", "carbohydrate_g", "fat_g"] as const;
const isTenth = (value: number) => Number(value.toFixed(1)) === value;

describe("sum", () => {
  it("of nothing is nothing", () => {
    expect(sum([])).toEqual({ energy_kcal: 0, protein_g: 0, carbohydrate_g: 0, fat_g: 0 });
  });

  it("shows no binary fractions", () => {
    const one = { energy_kcal: 0.1, protein_g: 0.2, carbohydrate_g: 0.7, fat_g: 1.1 };
    expect(sum([one, one, one])).toEqual({
      energy_kcal: 0.3,
      protein_g: 0.6,
      carbohydrate_g: 2.1,
      fat_g: 3.3,
    });
  });

  it("is within a twentieth of the sum for each part, in tenths", () => {
    fc.assert(fc.property(fc.array(macros, { maxLength: 30 }), (parts) => {
      const total = sum(parts);
      for (const key of KEYS) {
        const exact = parts.reduce((acc, part) => acc + part[key], 0);
        expect(Math.abs(total[key] - exact)).toBeLessThanOrEqual(0.05 + 1e-6);
        expect(isTenth(total[key])).toBe(true);
      }
    }));
  });

  it("of many small parts loses none of them", () => {
    const crumb = { energy_kcal: 0.04, protein_g: 0.04, carbohydrate_g: 0.04, fat_g: 0.04 };
    expect(sum(Array.from({ length: 30 }, () => crumb)).energy_kcal).toBe(1.2);
  });
});

describe("subtract", () => {
  it("is what is left, negative where a target is exceeded", () => {
    const target = { energy_kcal: 2000, protein_g: 90, carbohydrate_g: 230, fat_g: 70 };
    const eaten = { energy_kcal: 2100.5, protein_g: 60.2, carbohydrate_g: 230, fat_g: 0 };
    expect(subtract(target, eaten)).toEqual({
      energy_kcal: -100.5,
      protein_g: 29.8,
      carbohydrate_g: 0,
      fat_g: 70,
    });
  });

  it("of the same leaves nothing", () => {
    fc.assert(fc.property(macros, (one) => {
      for (const key of KEYS) expect(Math.abs(subtract(one, one)[key])).toBe(0);
    }));
  });
});

describe("checkEnergy", () => {
  it("computes 4, 4 and 9 kcal for a gram", () => {
    expect(checkEnergy({ energy_kcal: 170, protein_g: 10, carbohydrate_g: 10, fat_g: 10 })).toEqual({
      energy_from_macros_kcal: 170,
      energy_plausible: true,
    });
  });

  it.each([[136, true], [135, false], [212.5, true], [213, false], [0, false]])(
    "takes %d kcal stated for 170 from macronutrients as plausible: %s",
    (energy_kcal, plausible) => {
      expect(checkEnergy({ energy_kcal, protein_g: 10, carbohydrate_g: 10, fat_g: 10 }).energy_plausible)
        .toBe(plausible);
    },
  );

  it("takes nothing for plausible", () => {
    expect(checkEnergy(sum([]))).toEqual({ energy_from_macros_kcal: 0, energy_plausible: true });
  });

  it("never gives what JSON cannot say", () => {
    fc.assert(fc.property(macros, (one) => {
      const { energy_from_macros_kcal, energy_plausible } = checkEnergy(one);
      expect(Number.isFinite(energy_from_macros_kcal)).toBe(true);
      expect(typeof energy_plausible).toBe("boolean");
    }));
  });
});

describe("the schema Macros", () => {
  it("takes what it says and refuses negative, endless and missing numbers", () => {
    fc.assert(fc.property(macros, (one) => {
      expect(Macros.safeParse(one).success).toBe(true);
    }));
    const one = { energy_kcal: 1, protein_g: 1, carbohydrate_g: 1, fat_g: 1 };
    for (const key of KEYS) {
      for (const value of [-1, Infinity, NaN, "1", null, undefined]) {
        expect(Macros.safeParse({ ...one, [key]: value }).success).toBe(false);
      }
    }
  });
});
