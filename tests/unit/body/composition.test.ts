import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import {
  bodyMassIndex,
  deurenbergBodyFatPercent,
  navyBodyFat,
  problemsOf,
  waistToHeight,
} from "../../../supabase/functions/_app/body/composition.ts";
import {
  EstimatedMeasures,
  MEASURE_NAMES,
  type MeasureRanges,
  Measures,
  orderedRanges,
} from "../../../supabase/functions/_app/body/measures.ts";

const exactly = (values: Record<string, number>) =>
  Object.fromEntries(
    Object.entries(values).map(([name, cm]) => [name, { low_cm: cm, value_cm: cm, high_cm: cm }]),
  ) as MeasureRanges;

const man = { height_cm: 180, weight_kg: 80, sex: "male", age: 30 } as const;
const woman = { height_cm: 165, weight_kg: 60, sex: "female", age: 30 } as const;
const mans = exactly({ neck: 38, chest: 100, waist: 85, hip: 98, thigh: 57, calf: 38, upper_arm: 33 });
const womans = exactly({ neck: 32, chest: 88, waist: 72, hip: 96, thigh: 56, calf: 36, upper_arm: 27 });

const cm = (min: number, max: number) => fc.double({ min, max, noNaN: true });
const anyPerson = fc.record({
  height_cm: cm(120, 230),
  weight_kg: cm(30, 300),
  sex: fc.constantFrom("female" as const, "male" as const),
  age: fc.integer({ min: 18, max: 100 }),
});
const anyEstimate = fc.record(
  Object.fromEntries(MEASURE_NAMES.map((name) => {
    const { minValue, maxValue } = EstimatedMeasures.shape[name].shape.value_cm;
    const one = cm(minValue!, maxValue!);
    return [name, fc.record({ low_cm: one, value_cm: one, high_cm: one })];
  })),
) as fc.Arbitrary<MeasureRanges>;

describe("bodyMassIndex", () => {
  it("is kg by m²", () => {
    expect(bodyMassIndex(man)).toBe(24.7);
    expect(bodyMassIndex({ height_cm: 200, weight_kg: 100 })).toBe(25);
  });
});

describe("waistToHeight", () => {
  it("is a share of the height", () => expect(waistToHeight(man, 90)).toBe(0.5));
});

describe("navyBodyFat", () => {
  it("is what the published formulas give", () => {
    expect(navyBodyFat(man, mans)?.value_percent).toBeCloseTo(16.1, 1);
    expect(navyBodyFat(woman, womans)?.value_percent).toBeCloseTo(26.4, 1);
  });

  it("is a range that holds its value and grows with those of the measures", () => {
    fc.assert(fc.property(anyPerson, anyEstimate, (person, estimate) => {
      const fat = navyBodyFat(person, orderedRanges(estimate));
      if (fat === null) return;
      expect(fat.low_percent).toBeLessThanOrEqual(fat.value_percent);
      expect(fat.value_percent).toBeLessThanOrEqual(fat.high_percent);
      expect(fat.low_percent).toBeGreaterThanOrEqual(2);
      expect(fat.high_percent).toBeLessThanOrEqual(70);
    }));
  });

  it("is nothing where the neck is as wide as the waist", () => {
    expect(navyBodyFat(man, { ...mans, neck: mans.waist })).toBeNull();
  });
});

describe("deurenbergBodyFatPercent", () => {
  it("is what the published formula gives", () => {
    expect(deurenbergBodyFatPercent(man)).toBe(20.3);
    expect(deurenbergBodyFatPercent(woman)).toBe(27.9);
  });
});

describe("problemsOf", () => {
  it("finds none in usual measures", () => {
    expect(problemsOf(man, mans)).toEqual([]);
    expect(problemsOf(woman, womans)).toEqual([]);
  });

  it.each([
    ["bmi_outside_12_to_60", { ...man, weight_kg: 30 }, mans],
    ["waist_to_height_outside_0_3_to_1", man, exactly({ ...valuesOf(mans), waist: 50 })],
    ["neck_not_below_waist", man, { ...mans, neck: mans.chest }],
    ["thigh_not_below_hip", man, { ...mans, thigh: mans.hip }],
    ["calf_not_below_thigh", man, { ...mans, calf: mans.thigh }],
    ["upper_arm_not_below_chest", man, { ...mans, upper_arm: mans.chest }],
    ["body_fat_formula_without_result", man, { ...mans, neck: mans.chest }],
    ["body_fat_methods_differ_by_over_10", { ...man, weight_kg: 120 }, mans],
  ])("finds %s", (problem, person, measures) => expect(problemsOf(person, measures)).toContain(problem));
});

function valuesOf(measures: MeasureRanges): Record<string, number> {
  return Object.fromEntries(Object.entries(measures).map(([name, { value_cm }]) => [name, value_cm]));
}

describe("orderedRanges", () => {
  it("puts three numbers in order, and makes the range no narrower than 2 % on each side", () => {
    const measures = { ...mans, waist: { low_cm: 90, value_cm: 80, high_cm: 85 } };
    expect(orderedRanges(measures).waist).toEqual({ low_cm: 80, value_cm: 85, high_cm: 90 });
    expect(orderedRanges(mans).waist).toEqual({ low_cm: 83.3, value_cm: 85, high_cm: 86.7 });
  });

  it("gives low <= value <= high for whatever a model may say", () => {
    fc.assert(fc.property(anyEstimate, (estimate) => {
      for (const { low_cm, value_cm, high_cm } of Object.values(orderedRanges(estimate))) {
        expect(low_cm).toBeLessThanOrEqual(value_cm);
        expect(value_cm).toBeLessThanOrEqual(high_cm);
      }
    }));
  });
});

describe("the schema Measures", () => {
  it("takes some of the known measures, and refuses an unknown one", () => {
    expect(Measures.parse({ waist: 80 })).toEqual({ waist: 80 });
    expect(Measures.safeParse({ waist: 80, wingspan: 180 }).success).toBe(false);
    expect(Measures.safeParse({ waist: 8 }).success).toBe(false);
  });
});
