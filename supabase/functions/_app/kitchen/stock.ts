import { z } from "zod";

import { isCheckedLanguage, isCheckedScript, UNCHECKED_LANGUAGE } from "./allergens.ts";
import { normalName } from "./names.ts";
import { type Amount, type BaseUnit, convert, display, toBase, UNITS } from "./units.ts";

/** A food in a kitchen or on a list, in requests and in responses. */
export const StockItem = z.object({
  name: z.string().trim().min(1).max(80),
  quantity: z.number().min(0).max(100_000),
  unit: z.enum(UNITS),
});

/** The same in a response, where quantities may have been summed. */
export const StockTotal = StockItem.extend({ quantity: z.number().min(0) });

/** An allergy: a food or an ingredient, in any words. Its length is limited because longer texts are not searched. */
export const Allergy = z.string().trim().max(40, { abort: true }).refine(
  (text) => /\p{L}/u.test(text),
  "Expected a word",
)
  .refine(isCheckedScript, `Expected a word in Latin letters: ${UNCHECKED_LANGUAGE}`);

/** In a response: the given allergies that were only searched for as they were written. */
export const AllergiesAsWritten = z.array(z.string()).describe(
  "Those of `allergies` that are not among the 14 known allergens. They were searched for only as written, not under " +
    "other names or in other languages: tell the user",
);

/** Refuses allergies if the language or script of the answer cannot be checked. */
export function checkLanguage(
  { value: { allergies, locale }, issues }: z.core.ParsePayload<{ allergies: string[]; locale: string }>,
): void {
  if (allergies.length === 0 || isCheckedLanguage(locale)) return;
  issues.push({ code: "custom", path: ["locale"], message: UNCHECKED_LANGUAGE, input: locale });
}

/** A food with the quantity in stock, or the needed quantity. */
export interface Portion extends Amount {
  name: string;
}

/** Portions of one food in one unit, with their sources. */
export interface Lot<Source> {
  /** The name in the first portion. */
  name: string;
  /** The normal name. */
  food: string;
  quantity: number;
  unit: BaseUnit;
  sources: Source[];
}

/**
 * Adds up portions of the same food, in the base unit of the first one. A portion that cannot be converted, because
 * density or mass per piece are unknown, stays separate.
 */
export function merge<Source>(portions: (Portion & { source: Source })[]): Lot<Source>[] {
  const lots: Lot<Source>[] = [];
  for (const { name, source, ...amount } of portions) {
    const food = normalName(name);
    const fitting = lots.map((lot) =>
      lot.food === food ? { lot, quantity: convert(food, amount, lot.unit) } : undefined
    ).find((fit) => fit?.quantity !== undefined);
    if (fitting === undefined) {
      lots.push({ name, food, ...toBase(amount), sources: [source] });
      continue;
    }
    fitting.lot.quantity += fitting.quantity!;
    if (!fitting.lot.sources.includes(source)) fitting.lot.sources.push(source);
  }
  return lots;
}

/** The quantity of a lot that must be bought, and the quantity that the stock covers. */
export interface Need<Source> extends Lot<Source> {
  from_stock: number;
  /** Stock of the same food in a unit that cannot be converted. */
  not_compared: Portion[];
}

/** A smaller need in grams, millilitres or pieces is a rounding error. */
const CRUMB = 1e-6;

/** Subtracts the stock from the needs; no part of it is used twice. */
export function subtractStock<Source>(needs: Lot<Source>[], stock: Portion[]): Need<Source>[] {
  const left = merge(stock.map((portion) => ({ ...portion, source: undefined })));
  return needs.map((need) => {
    const result: Need<Source> = { ...need, from_stock: 0, not_compared: [] };
    for (const lot of left.filter(({ food, quantity }) => food === need.food && quantity > CRUMB)) {
      const available = convert(need.food, lot, need.unit);
      if (available === undefined) {
        result.not_compared.push({ name: lot.name, ...display(lot) });
        continue;
      }
      const taken = Math.min(available, result.quantity);
      result.quantity -= taken;
      result.from_stock += taken;
      lot.quantity *= 1 - taken / available;
    }
    if (result.quantity <= CRUMB) result.quantity = 0;
    return result;
  });
}
