import { describe, expect, it } from "vitest";

import { openAccounts } from "../http/support/accounts.ts";
import { expectCharged, expectRefusal } from "../http/support/calls.ts";
import { openScriptedProvider } from "../http/support/scripted_provider.ts";

const TOKENS = 1_000;
const { newUser } = openAccounts();
const provider = await openScriptedProvider();

const recipe = (title: string, ...ingredients: [string, number, string][]) => ({
  title,
  ingredients: ingredients.map(([name, quantity, unit]) => ({ name, quantity, unit })),
});

describe("shopping-list-generator", () => {
  it("merges, converts and subtracts in code; the model only places what has no known aisle", async () => {
    const user = await newUser(TOKENS);
    const body = {
      recipes: [
        recipe("Pancakes", ["milk", 2, "cup"], ["flour", 2, "cup"], ["onions", 1, "piece"]),
        recipe("Soup", ["Milk", 0.5, "l"], ["gochugaru", 20, "g"], ["onion", 165, "g"], ["dulse", 5, "g"]),
      ],
      plan: [{ meals: [{ title: "Bread", ingredients: [{ name: "plain flour", mass_g: 1_000 }] }] }],
      inventory: [
        { name: "milk", quantity: 200, unit: "ml" },
        { name: "flour", quantity: 0.254, unit: "kg" },
        { name: "gochugaru", quantity: 1, unit: "piece" },
      ],
    };
    const answer = await provider.call("shopping-list-generator", { user, body }, [{
      aisles: [{ id: 1, aisle: "snacks" }, { id: 4, aisle: "condiments" }],
      tips: [{ id: 3, text: "Firm ones keep longer." }],
    }]);
    expectCharged(answer);
    const plain = { tip: null, not_compared: [] };
    expect(answer.body.data).toEqual({
      aisles: [
        {
          aisle: "produce",
          items: [{
            ...plain,
            name: "onions",
            quantity: 3,
            unit: "piece",
            for: ["Pancakes", "Soup"],
            tip: "Firm ones keep longer.",
          }],
        },
        {
          aisle: "dry_goods",
          items: [{ ...plain, name: "flour", quantity: 1_890, unit: "ml", for: ["Pancakes", "Bread"] }].map((
            item,
          ) => ({
            ...item,
            quantity: 1.89,
            unit: "l",
          })),
        },
        {
          aisle: "condiments",
          items: [{
            ...plain,
            name: "gochugaru",
            quantity: 20,
            unit: "g",
            for: ["Soup"],
            not_compared: [{ name: "gochugaru", quantity: 1, unit: "piece" }],
          }],
        },
        {
          aisle: "dairy",
          items: [{ ...plain, name: "milk", quantity: 780, unit: "ml", for: ["Pancakes", "Soup"] }],
        },
        { aisle: "other", items: [{ ...plain, name: "dulse", quantity: 5, unit: "g", for: ["Soup"] }] },
      ],
      from_inventory: [
        { name: "milk", quantity: 200, unit: "ml" },
        { name: "flour", quantity: 480, unit: "ml" },
      ],
    });
  });

  it("calls no model if nothing is missing", async () => {
    const user = await newUser(TOKENS);
    const answer = await provider.call("shopping-list-generator", {
      user,
      body: {
        recipes: [recipe("Tea", ["water", 1, "cup"])],
        inventory: [{ name: "water", quantity: 2, unit: "l" }],
      },
    }, []);
    expect(expectCharged(answer).charged).toBe(2);
    expect(answer.body.data).toEqual({
      aisles: [],
      from_inventory: [{ name: "water", quantity: 240, unit: "ml" }],
    });
    expect(provider.asked).toEqual([]);
  });

  it("refuses a list of nothing", async () => {
    const user = await newUser(TOKENS);
    expectRefusal(
      await provider.call("shopping-list-generator", { user, body: { recipes: [], plan: [] } }, []),
      400,
      "invalid_request",
    );
  });
});
