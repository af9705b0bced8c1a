import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { aisleOf } from "../../../supabase/functions/_app/kitchen/aisles.ts";
import { normalName } from "../../../supabase/functions/_app/kitchen/names.ts";
import { merge, type Portion, subtractStock } from "../../../supabase/functions/_app/kitchen/stock.ts";

const need = (name: string, quantity: number, unit: Portion["unit"], source = "soup") => ({
  name,
  quantity,
  unit,
  source,
});

describe("normalName", () => {
  it.each([
    [["Fresh Tomatoes", "tomato", "tomatoes, diced", "TOMATO (ripe)"], "tomato"],
    [["yoghurt", "Yogurts", "plain yoghurt"], "yogurt"],
    [["2 garlic cloves".slice(2), "garlic", "clove of garlic"], "garlic"],
    [["extra virgin olive oil", "olive oil"], "olive oil"],
    [["Courgettes", "zucchini"], "zucchini"],
    [["crème fraîche", "creme fraiche"], "creme fraiche"],
    [["flour", "plain flour", "all-purpose flour"], "wheat flour"],
    [["牛乳"], "牛乳"],
    [["!!!"], "!!!"],
  ])("is one for all of %j", (names, food) => {
    expect(names.map(normalName)).toEqual(names.map(() => food));
  });

  it.each([["coconut milk", "milk"], ["brown rice", "rice"], ["peanut butter", "butter"]])(
    "tells %s from %s",
    (one, other) => {
      expect(normalName(one)).not.toBe(normalName(other));
    },
  );

  it("of any name is not empty", () => {
    fc.assert(fc.property(fc.string({ unit: "grapheme", minLength: 1 }), (name) => {
      if (name.trim() !== "") expect(normalName(name)).not.toBe("");
    }));
  });
});

describe("merge", () => {
  it("adds what is the same food in the first one's dimension", () => {
    const lots = merge([
      need("milk", 1, "l"),
      need("Fresh milk", 1, "cup", "pancakes"),
      need("onions", 2, "piece"),
      need("onion", 110, "g"),
    ]);
    expect(lots).toEqual([
      { name: "milk", food: "milk", quantity: 1_240, unit: "ml", sources: ["soup", "pancakes"] },
      { name: "onions", food: "onion", quantity: 3, unit: "piece", sources: ["soup"] },
    ]);
  });

  it("keeps apart what cannot be converted", () => {
    const lots = merge([need("zaatar", 2, "piece"), need("zaatar", 30, "g"), need("zaatar", 1, "piece")]);
    expect(lots.map(({ quantity, unit }) => [quantity, unit])).toEqual([[3, "piece"], [30, "g"]]);
  });

  it("loses nothing, in any order", () => {
    const foods = fc.constantFrom("milk", "honey", "olive oil");
    const units = fc.constantFrom("g", "kg", "ml", "l", "tsp", "tbsp", "cup");
    const portions = fc.array(
      fc.record({
        name: foods,
        quantity: fc.double({ min: 0.1, max: 1_000, noNaN: true }),
        unit: units,
        source: fc.constant(0),
      }),
      { maxLength: 12 },
    );
    const grams = (lots: ReturnType<typeof merge>) =>
      lots.map(({ food, quantity, unit }) => merge([need(food, 0, "g"), need(food, quantity, unit)])[0]!)
        .reduce((sums, { food, quantity }) => ({ ...sums, [food]: quantity }), {} as Record<string, number>);
    fc.assert(fc.property(portions as fc.Arbitrary<(Portion & { source: number })[]>, (some) => {
      const one = grams(merge(some)), other = grams(merge(some.toReversed()));
      expect(Object.keys(one).toSorted()).toEqual(Object.keys(other).toSorted());
      for (const [food, mass] of Object.entries(one)) expect(other[food]! / mass).toBeCloseTo(1, 9);
    }));
  });
});

describe("subtractStock", () => {
  it("takes away what is there, converted, and names what it cannot compare", () => {
    const needs = merge([need("milk", 1, "l"), need("zaatar", 30, "g"), need("rice", 200, "g")]);
    const left = subtractStock(needs, [
      { name: "whole milk".slice(6), quantity: 1, unit: "cup" },
      { name: "zaatar", quantity: 1, unit: "piece" },
      { name: "rice", quantity: 1, unit: "kg" },
    ]);
    expect(left.map(({ quantity, from_stock, not_compared }) => ({ quantity, from_stock, not_compared })))
      .toEqual([
        { quantity: 760, from_stock: 240, not_compared: [] },
        { quantity: 30, from_stock: 0, not_compared: [{ name: "zaatar", quantity: 1, unit: "piece" }] },
        { quantity: 0, from_stock: 200, not_compared: [] },
      ]);
  });

  it("uses no stock twice, and never asks for less than nothing", () => {
    const quantities = fc.double({ min: 1, max: 5_000, noNaN: true });
    fc.assert(fc.property(quantities, quantities, quantities, quantities, (first, second, ml, grams) => {
      const needs = [...merge([need("milk", first, "ml")]), ...merge([need("milk", second, "g")])];
      const result = subtractStock(needs, [
        { name: "milk", quantity: ml, unit: "ml" },
        { name: "milk", quantity: grams, unit: "g" },
      ]);
      const density = 247 / 240;
      const needed = first * density + second, stock = ml * density + grams;
      const missing = result[0]!.quantity * density + result[1]!.quantity;
      expect(Math.abs(missing - Math.max(0, needed - stock))).toBeLessThan(0.001);
      for (const { quantity, from_stock } of result) {
        expect(quantity).toBeGreaterThanOrEqual(0);
        expect(from_stock).toBeGreaterThanOrEqual(0);
      }
    }));
  });
});

describe("aisleOf", () => {
  it.each([
    ["tomatoes", "produce"],
    ["peanut butter", "condiments"],
    ["red pepper", "produce"],
    ["black pepper", "condiments"],
    ["whole milk", "dairy"],
    ["oat milk", "drinks"],
    ["salmon fillet", "fish"],
    ["canned tomatoes", "canned"],
    ["frozen peas", "frozen"],
    ["red lentils", "dry_goods"],
    ["chicken broth", "condiments"],
    ["green beans", "produce"],
    ["kidney beans", "dry_goods"],
    ["gochugaru", undefined],
  ])("of %s is %s", (name, aisle) => {
    expect(aisleOf(name)).toBe(aisle);
  });
});
