import { describe, expect, it } from "vitest";

import { openAccounts } from "../http/support/accounts.ts";
import { PIXEL_URL } from "../http/support/bodies.ts";
import { expectCharged, expectRefusal } from "../http/support/calls.ts";
import { openScriptedProvider } from "../http/support/scripted_provider.ts";

const TOKENS = 1_000;
const { newUser, expectUntouched } = openAccounts();
const provider = await openScriptedProvider();

const suggestion = (name: string, priority = "medium") => ({
  name,
  quantity: 1,
  unit: "kg",
  aisle: "other",
  priority,
  reason: "Goes with the rice.",
});

describe("inventory-complementer", () => {
  it("suggests nothing that is in stock, nothing twice and nothing forbidden", async () => {
    const user = await newUser(TOKENS);
    const body = {
      inventory: [
        { name: "Fresh courgettes", quantity: 2, unit: "piece" },
        { name: "rice", quantity: 1, unit: "kg" },
        { name: "oats", quantity: 0, unit: "g" },
      ],
      diet: "vegetarian",
      allergies: ["shellfish"],
    };
    const answer = await provider.call("inventory-complementer", { user, body }, [{
      suggestions: [
        suggestion("Zucchini"),
        suggestion("chickpeas"),
        suggestion("Chickpea"),
        suggestion("prawns"),
        suggestion("bacon"),
        suggestion("oats", "high"),
      ],
    }]);
    expectCharged(answer);
    expect(answer.body.data).toEqual({
      missing: [
        { ...suggestion("oats", "high"), aisle: "dry_goods" },
        { ...suggestion("chickpeas"), aisle: "dry_goods" },
      ],
      left_out: [
        { name: "Zucchini", why: "already_there" },
        { name: "Chickpea", why: "repeated" },
        { name: "prawns", why: "not_allowed" },
        { name: "bacon", why: "not_allowed" },
      ],
      allergies_as_written: [],
    });
  });

  it("accepts that nothing is missing", async () => {
    const user = await newUser(TOKENS);
    const answer = await provider.call("inventory-complementer", { user, body: { inventory: [] } }, [
      { suggestions: [] },
    ]);
    expectCharged(answer);
    expect(answer.body.data).toEqual({ missing: [], left_out: [], allergies_as_written: [] });
  });

  it("names the allergies that were only searched for as written", async () => {
    const user = await newUser(TOKENS);
    const body = { inventory: [], allergies: ["strawberry", "Milch", "kiwi"], locale: "fr" };
    const answer = await provider.call("inventory-complementer", { user, body }, [
      { suggestions: [suggestion("kiwis"), suggestion("fraises"), suggestion("Kräuterbutter")] },
    ]);
    expectCharged(answer);
    expect(answer.body.data).toMatchObject({
      missing: [{ name: "fraises" }],
      left_out: [{ name: "kiwis", why: "not_allowed" }, { name: "Kräuterbutter", why: "not_allowed" }],
      allergies_as_written: ["strawberry", "kiwi"],
    });
  });
});

const found = (line: number, name: string, quantity: number | null, unit = "piece") => ({
  line,
  name,
  quantity,
  unit,
  category: "other",
  days_left: null,
});
const item = { days_left: null, quantity_assumed: false };

describe("inventory-processor", () => {
  it("accounts for every line, whatever the model leaves out or makes up", async () => {
    const user = await newUser(TOKENS);
    const lines = ["2 x milk 1 l", "TOTAL 12.40", "???", "eggs and rice", "carrots"];
    const answer = await provider.call("inventory-processor", { user, body: { lines } }, [{
      items: [
        { ...found(1, "milk", 2, "l"), days_left: 7 },
        found(4, "egg", 6),
        found(4, "rice", 1, "kg"),
        found(9, "ghost", 1),
      ],
      not_understood: [
        { line: 1, reason: "ambiguous" },
        { line: 2, reason: "not_an_item" },
        { line: 8, reason: "unreadable" },
      ],
    }]);
    expectCharged(answer);
    expect(answer.body.data).toEqual({
      lines,
      items: [
        { ...item, name: "milk", quantity: 2, unit: "l", category: "dairy", days_left: 7, lines: [1] },
        { ...item, name: "egg", quantity: 6, unit: "piece", category: "dairy", lines: [4] },
        { ...item, name: "rice", quantity: 1, unit: "kg", category: "dry_goods", lines: [4] },
      ],
      not_understood: [
        { line: 2, text: "TOTAL 12.40", reason: "not_an_item" },
        { line: 3, text: "???", reason: "not_answered" },
        { line: 5, text: "carrots", reason: "not_answered" },
      ],
    });
  });

  it("reads a stated amount from the line itself, and merges what is the same", async () => {
    const user = await newUser(TOKENS);
    const lines = ["500 g flour", "plain flour 1kg", "some carrots"];
    const answer = await provider.call("inventory-processor", { user, body: { lines } }, [{
      items: [
        { ...found(1, "flour", 5, "kg"), days_left: 90 },
        { ...found(2, "plain flour", null), days_left: 60 },
        found(3, "carrot", null),
      ],
      not_understood: [],
    }]);
    expectCharged(answer);
    expect(answer.body.data.items).toEqual([
      {
        ...item,
        name: "flour",
        quantity: 1.5,
        unit: "kg",
        category: "dry_goods",
        days_left: 60,
        lines: [1, 2],
      },
      {
        ...item,
        name: "carrot",
        quantity: 1,
        unit: "piece",
        category: "produce",
        quantity_assumed: true,
        lines: [3],
      },
    ]);
  });

  it("takes a scan's items as lines; amounts and days as the scan says, in units of any kind", async () => {
    const user = await newUser(TOKENS);
    const scan = [
      { name: "yoghurt", quantity: 2, unit: "dl", confidence: 0.9, days_left: 3 },
      { name: "7up", quantity: 4, unit: "piece" },
      { name: "rice", quantity: 1, unit: "pack" },
    ];
    const answer = await provider.call("inventory-processor", { user, body: { scan } }, [{
      items: [
        { ...found(1, "yoghurt", 3, "piece"), days_left: 9 },
        found(2, "lemonade", 7, "l"),
        found(3, "rice", 500, "g"),
      ],
      not_understood: [],
    }]);
    expectCharged(answer);
    expect(answer.body.data.items).toMatchObject([
      { name: "yoghurt", quantity: 200, unit: "ml", days_left: 3 },
      { name: "lemonade", quantity: 4, unit: "piece", days_left: null },
      { name: "rice", quantity: 500, unit: "g" },
    ]);
  });

  it("accounts for the lines that were read from a receipt", async () => {
    const user = await newUser(TOKENS);
    const answer = await provider.call("inventory-processor", { user, body: { receipt: PIXEL_URL } }, [{
      lines: ["LENTILS 500G 1.20", "CARD 1.20"],
      items: [found(1, "lentil", 500, "g"), found(3, "ghost", 1)],
      not_understood: [],
    }]);
    expectCharged(answer);
    expect(provider.asked[0]).toContain(PIXEL_URL);
    expect(answer.body.data).toEqual({
      lines: ["LENTILS 500G 1.20", "CARD 1.20"],
      items: [{ ...item, name: "lentil", quantity: 500, unit: "g", category: "dry_goods", lines: [1] }],
      not_understood: [{ line: 2, text: "CARD 1.20", reason: "not_answered" }],
    });
  });

  it("refuses two sources at once, and none", async () => {
    const user = await newUser(TOKENS);
    for (const body of [{}, { lines: ["milk"], scan: [{ name: "milk", quantity: 1, unit: "l" }] }]) {
      expectRefusal(await provider.call("inventory-processor", { user, body }, []), 400, "invalid_request");
    }
    await expectUntouched(user, TOKENS);
  });
});
