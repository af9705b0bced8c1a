import { z } from "zod";

import { aisleOf, AISLES } from "../_app/kitchen/aisles.ts";
import { merge, StockTotal } from "../_app/kitchen/stock.ts";
import { amountIn, display, readAmount, UNITS } from "../_app/kitchen/units.ts";
import { defineFeature } from "../_shared/feature.ts";
import { Locale, Photo, PHOTO_BODY_BYTES } from "../_shared/inputs.ts";
import { MAX_LINES, systemFor } from "./prompt.ts";

const Line = z.string().trim().min(1).max(200);

/** An item in the form of `fridge-scan-vision`'s response. */
const Sighting = z.object({
  name: z.string().trim().min(1).max(100),
  quantity: z.number().min(0).max(100_000),
  unit: z.string().trim().max(20),
  days_left: z.int().min(0).max(1_000).nullable().default(null),
});

const Input = z.object({
  lines: z.array(Line).min(1).max(MAX_LINES).optional(),
  receipt: Photo.optional(),
  scan: z.array(Sighting).min(1).max(MAX_LINES).optional(),
  locale: Locale,
}).refine(
  ({ lines, receipt, scan }) => [lines, receipt, scan].filter((one) => one !== undefined).length === 1,
  "Send one of lines, receipt and scan",
);

const REASONS = ["not_an_item", "unreadable", "ambiguous", "not_answered"] as const;
const lineNumber = z.int().min(1).max(MAX_LINES);
const Found = z.object({
  line: lineNumber,
  name: z.string().trim().min(1).max(80),
  quantity: z.number().min(0.001).max(100_000).nullable(),
  unit: z.enum(UNITS),
  category: z.enum(AISLES),
  days_left: z.int().min(0).max(1_000).nullable(),
});
const Answer = z.object({
  items: z.array(Found).max(2 * MAX_LINES),
  not_understood: z.array(z.object({ line: lineNumber, reason: z.enum(REASONS).exclude(["not_answered"]) }))
    .max(
      MAX_LINES,
    ),
});

const Output = z.object({
  lines: z.array(z.string()),
  items: z.array(StockTotal.extend({
    category: z.enum(AISLES),
    days_left: z.int().nullable(),
    quantity_assumed: z.boolean(),
    lines: z.array(z.int()),
  })),
  not_understood: z.array(z.object({ line: z.int(), text: z.string(), reason: z.enum(REASONS) })),
});

/** Turns lines, a receipt or a scan into items. Each line becomes part of an item, or is listed as not understood. */
export default defineFeature({
  name: "inventory-processor",
  price: { per_call: 2, per_1k_input_tokens: 1, per_1k_output_tokens: 4 },
  limits: ({ lines, scan }) => ({ output_tokens: 500 + 80 * (lines?.length ?? scan?.length ?? MAX_LINES) }),
  input: Input,
  output: Output,
  maxBodyBytes: PHOTO_BODY_BYTES,
  async run({ input, models }) {
    const given = input.lines ?? input.scan?.map(({ name, quantity, unit }) => `${quantity} ${unit} ${name}`);
    const ask = { system: systemFor(input.locale, given === undefined) };
    const answer = given === undefined
      ? await models.object({
        ...ask,
        schema: Answer.extend({ lines: z.array(Line).max(MAX_LINES) }),
        user: "Read the receipt on the photo.",
        images: [input.receipt!.url],
      })
      : {
        ...await models.object({
          ...ask,
          schema: Answer,
          user: JSON.stringify(given.map((text, index) => ({ line: index + 1, text }))),
        }),
        lines: given,
      };
    const { lines } = answer;
    const items = itemsOf(answer.items.filter(({ line }) => line <= lines.length), lines, input.scan);
    const understood = new Set(items.flatMap((item) => item.lines));
    const reasons = new Map(answer.not_understood.map(({ line, reason }) => [line, reason]));
    const not_understood = lines.map((text, index) => ({ line: index + 1, text }))
      .filter(({ line }) => !understood.has(line))
      .map((one) => ({ ...one, reason: reasons.get(one.line) ?? "not_answered" as const }));
    return { lines, items, not_understood };
  },
}) satisfies Deno.ServeDefaultExport;

/**
 * Merges the items that were found. A quantity that a line or a scan states clearly is taken from there, not from the
 * model.
 */
function itemsOf(found: z.infer<typeof Found>[], lines: string[], scan?: z.infer<typeof Sighting>[]) {
  const portions = found.map((item) => {
    const isAlone = found.filter(({ line }) => line === item.line).length === 1;
    const seen = scan?.[item.line - 1];
    const read = seen ? readAmount(seen.quantity, seen.unit) : amountIn(lines[item.line - 1]!);
    const stated = isAlone ? read : undefined;
    const guess = {
      quantity: item.quantity ?? 1,
      unit: item.quantity === null ? "piece" as const : item.unit,
    };
    const amount = stated ?? guess;
    const isAssumed = stated === undefined && item.quantity === null;
    return {
      name: item.name,
      ...amount,
      source: { ...item, days_left: seen?.days_left ?? item.days_left, isAssumed },
    };
  });
  return merge(portions).map(({ name, quantity, unit, sources }) => {
    const days = sources.flatMap(({ days_left }) => days_left ?? []);
    return {
      name,
      ...display({ quantity, unit }),
      category: aisleOf(name) ?? sources[0]!.category,
      days_left: days.length === 0 ? null : Math.min(...days),
      quantity_assumed: sources.some(({ isAssumed }) => isAssumed),
      lines: [...new Set(sources.map(({ line }) => line))].toSorted((one, other) => one - other),
    };
  });
}
