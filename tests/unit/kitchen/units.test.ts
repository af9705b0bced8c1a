import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import {
  amountIn,
  convert,
  display,
  readAmount,
  toBase,
  toGrams,
  UNITS,
} from "../../../supabase/functions/_app/kitchen/units.ts";

describe("toBase", () => {
  it.each(
    [
      [{ quantity: 1.5, unit: "kg" }, { quantity: 1_500, unit: "g" }],
      [{ quantity: 2, unit: "l" }, { quantity: 2_000, unit: "ml" }],
      [{ quantity: 3, unit: "tsp" }, { quantity: 15, unit: "ml" }],
      [{ quantity: 1, unit: "tbsp" }, { quantity: 15, unit: "ml" }],
      [{ quantity: 0.5, unit: "cup" }, { quantity: 120, unit: "ml" }],
      [{ quantity: 4, unit: "piece" }, { quantity: 4, unit: "piece" }],
    ] as const,
  )("of %j is %j", (amount, base) => {
    expect(toBase(amount)).toEqual(base);
  });
});

describe("readAmount", () => {
  it.each([
    [2, "Kilos", { quantity: 2, unit: "kg" }],
    [1, "lb", { quantity: 453.592_37, unit: "g" }],
    [5, "dl", { quantity: 500, unit: "ml" }],
    [1, "EL", { quantity: 1, unit: "tbsp" }],
    [2, "Stück", { quantity: 2, unit: "piece" }],
    [1, "dozen", { quantity: 12, unit: "piece" }],
    [3, "", { quantity: 3, unit: "piece" }],
    [3, "tbsp.", { quantity: 3, unit: "tbsp" }],
  ])("reads %d %j as %j", (quantity, unit, amount) => {
    expect(readAmount(quantity, unit)).toEqual(amount);
  });

  it("does not know every word", () => {
    expect(readAmount(1, "smidgen")).toBeUndefined();
    expect(readAmount(1, "constructor")).toBeUndefined();
  });
});

describe("amountIn", () => {
  it.each([
    ["500 g flour", { quantity: 500, unit: "g" }],
    ["500g flour", { quantity: 500, unit: "g" }],
    ["Milk 1,5 l", { quantity: 1.5, unit: "l" }],
    ["1/2 cup sugar", { quantity: 0.5, unit: "cup" }],
    ["1½ kg potatoes", { quantity: 1.5, unit: "kg" }],
    ["½ cup oats", { quantity: 0.5, unit: "cup" }],
    ["2 EL Öl", { quantity: 2, unit: "tbsp" }],
  ])("finds in %j %j", (line, amount) => {
    expect(amountIn(line)).toEqual(amount);
  });

  it.each([
    "flour",
    "2 x 500 g flour",
    "3 onions",
    "milk 3.5% 1 l",
    "0 g sugar",
    "1/0 kg salt",
    "v2g",
    "six 330 ml cans",
    "",
  ])(
    "finds nothing to be sure of in %j",
    (line) => {
      expect(amountIn(line)).toBeUndefined();
    },
  );
});

describe("convert", () => {
  it("weighs by density and by piece", () => {
    expect(toGrams("milk", { quantity: 1, unit: "cup" })).toBeCloseTo(247);
    expect(toGrams("egg", { quantity: 3, unit: "piece" })).toBe(150);
    expect(convert("onion", { quantity: 220, unit: "g" }, "piece")).toBe(2);
    expect(convert("olive oil", { quantity: 219, unit: "g" }, "ml")).toBeCloseTo(240);
  });

  it("does not guess a density or a piece", () => {
    expect(toGrams("unheard of", { quantity: 1, unit: "cup" })).toBeUndefined();
    expect(convert("unheard of", { quantity: 1, unit: "piece" }, "g")).toBeUndefined();
    expect(convert("egg", { quantity: 1, unit: "cup" }, "piece")).toBeUndefined();
    expect(convert("toString", { quantity: 1, unit: "cup" }, "g")).toBeUndefined();
  });

  it("there and back changes nothing", () => {
    const quantities = fc.double({ min: 0.001, max: 1e6, noNaN: true });
    fc.assert(fc.property(quantities, fc.constantFrom("tomato paste", "milk", "honey"), (quantity, food) => {
      const ml = convert(food, { quantity, unit: "g" }, "ml")!;
      expect(convert(food, { quantity: ml, unit: "ml" }, "g")! / quantity).toBeCloseTo(1, 9);
    }));
  });
});

describe("display", () => {
  it.each(
    [
      [{ quantity: 1_500, unit: "g" }, { quantity: 1.5, unit: "kg" }],
      [{ quantity: 249.6, unit: "ml" }, { quantity: 250, unit: "ml" }],
      [{ quantity: 1_000, unit: "ml" }, { quantity: 1, unit: "l" }],
      [{ quantity: 0.25, unit: "g" }, { quantity: 0.25, unit: "g" }],
      [{ quantity: 2.345, unit: "piece" }, { quantity: 2.3, unit: "piece" }],
    ] as const,
  )("says %j as %j", (base, shown) => {
    expect(display(base)).toEqual(shown);
  });

  it("is within a hundredth of the amount from a gram on, in one of our units", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 100, max: 1e6, noNaN: true }),
        fc.constantFrom("g", "ml"),
        (quantity, unit) => {
          const shown = display({ quantity, unit } as { quantity: number; unit: "g" | "ml" });
          expect(UNITS).toContain(shown.unit);
          expect(Math.abs(toBase(shown).quantity / quantity - 1)).toBeLessThan(0.01);
        },
      ),
    );
  });
});

describe("a number with a mark before three digits", () => {
  it.each([
    "1,500 g flour",
    "1.500 g Mehl",
    "1,000 ml milk",
    "10,000 g rice",
    "1.250 ml Brühe",
    "1.500 kg flour",
  ])(
    "has two readings, so that the model's stands: %s",
    (line) => expect(amountIn(line)).toBeUndefined(),
  );

  it.each(
    [
      ["1,5 l milk", { quantity: 1.5, unit: "l" }],
      ["0,500 kg flour", { quantity: 0.5, unit: "kg" }],
      ["1,50 kg flour", { quantity: 1.5, unit: "kg" }],
      ["1.500,5 g Mehl", { quantity: 1_500.5, unit: "g" }],
      ["1,500.5 g flour", { quantity: 1_500.5, unit: "g" }],
      ["1,000,000 g sand", { quantity: 1_000_000, unit: "g" }],
      ["2 1/2", undefined],
      ["1.5.3 g", undefined],
    ] as const,
  )("is read where there is one: %s", (line, amount) => expect(amountIn(line)).toEqual(amount));
});
