import fc from "fast-check";
import { expect, it } from "vitest";
import { z } from "zod";

import { draftOf } from "../../../supabase/functions/_shared/feature/drafts.ts";

const Output = z.object({
  title: z.string().max(20),
  kind: z.enum(["soup", "bread"]),
  share: z.number().min(0).max(1).nullable(),
  dishes: z.array(z.object({ name: z.string(), mass_g: z.number().min(1) })),
  by_name: z.record(z.string(), z.int().min(0)).optional(),
}).refine(({ dishes }) => dishes.length < 10);

it.each([
  ["nothing", undefined, undefined],
  ["no object", "soup", undefined],
  ["what the output does not have", { secret: 1 }, undefined],
  ["half of an enum", { title: "So", kind: "sou" }, { title: "So" }],
  ["a number out of its range", { share: 7, kind: "soup" }, { kind: "soup" }],
  ["null where it may be", { share: null, kind: null }, { share: null }],
  ["a list that grows", { dishes: [{ name: "a", mass_g: 0, note: "x" }, {}, 3] }, {
    dishes: [{ name: "a" }],
  }],
  ["a map", { by_name: { a: 1, b: -1 } }, { by_name: { a: 1 } }],
  ["too long a text", { title: "x".repeat(21) }, undefined],
])("a draft of %s", (_what, value, expected) => {
  expect(draftOf(Output, value)).toEqual(expected);
});

it("a draft of a whole value is that value", () => {
  const value = {
    title: "Soup",
    kind: "soup",
    share: 0.5,
    dishes: [{ name: "a", mass_g: 2 }],
    by_name: { b: 0 },
  };
  expect(draftOf(Output, value)).toEqual(value);
});

it("a draft of anything fits the output as far as it goes, and never fails", () => {
  const Partial = z.object({
    ...z.object(Output.shape).partial().shape,
    dishes: z.array(Output.shape.dishes.element.partial()).optional(),
  });
  fc.assert(fc.property(fc.anything({ withNullPrototype: true }), fc.anything(), (value, part) => {
    for (
      const one of [value, {
        title: value,
        kind: part,
        share: part,
        dishes: [value, { name: part }],
        by_name: value,
      }]
    ) {
      const draft = draftOf(Output, one);
      if (draft !== undefined) expect(Partial.safeParse(draft).success).toBe(true);
    }
  }));
});
