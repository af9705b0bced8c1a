import { describe, expect, it } from "vitest";
import { z } from "zod";

import { typeOf } from "../../../scripts/docs/client_types.ts";
import { declaredFunctions } from "../../../scripts/docs/declared.ts";
import { fieldsOf } from "../../../scripts/docs/fields.ts";
import { typicalCost } from "../../../scripts/docs/pricing_page.ts";
import { jsonSchema } from "../../../scripts/docs/schemas.ts";

const Meal = z.object({
  name: z.string().min(1).max(80),
  unit: z.enum(["g", "ml"]).default("g"),
  eaten_at: z.iso.date().optional(),
  dishes: z.array(z.object({ mass_g: z.number().min(1).max(5_000).nullable() })).max(20),
}).refine(({ name }) => name !== "", "Expected a name");

describe("a schema", () => {
  it("as a table's rows names fields at any depth, with their bounds", () => {
    expect(fieldsOf(jsonSchema(Meal, "input"))).toEqual([
      { path: "name", type: "text", isRequired: true, notes: "1 to 80 characters" },
      { path: "unit", type: "one of", isRequired: false, notes: '`g`, `ml`; default `"g"`' },
      { path: "eaten_at", type: "date", isRequired: false, notes: "" },
      { path: "dishes", type: "list of objects", isRequired: true, notes: "up to 20 entries" },
      { path: "dishes[].mass_g", type: "number or null", isRequired: true, notes: "1 to 5,000" },
    ]);
  });

  it("tells the rules that JSON Schema cannot say, from their messages", () => {
    expect(jsonSchema(Meal, "input").description).toBe("A name");
  });

  it("as a type has what is optional for the caller and given in the answer", () => {
    expect(typeOf(jsonSchema(Meal, "input"))).toContain('unit?: "g" | "ml";');
    expect(typeOf(jsonSchema(Meal, "output"))).toContain('unit: "g" | "ml";');
    expect(typeOf(jsonSchema(Meal, "output"))).toContain("mass_g: number | null;");
    expect(typeOf({ type: "string", format: "binary" })).toBe("Blob");
    expect(typeOf({ type: "array", items: { enum: ["a", "b"] } })).toBe('("a" | "b")[]');
  });
});

describe("prices", () => {
  it("are no loss: a typical call costs the user at least what the provider bills", async () => {
    const features = (await declaredFunctions()).filter(({ kind }) => kind !== "plain");
    for (const { name, user_usd, provider_usd } of await Promise.all(features.map(typicalCost))) {
      expect(provider_usd).toBeGreaterThan(0);
      expect({ name, isLoss: user_usd < provider_usd }).toEqual({ name, isLoss: false });
    }
  });
});
