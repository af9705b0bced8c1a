import { z } from "zod";

import { checkEnergy, type Macros } from "./macros.ts";

/** A day's target: energy is required, macronutrients are optional. Very low energy diets need a doctor. */
export const DayTarget = z.object({
  energy_kcal: z.number().min(1_000).max(6_000),
  protein_g: z.number().min(10).max(500).optional(),
  carbohydrate_g: z.number().min(10).max(1_000).optional(),
  fat_g: z.number().min(10).max(400).optional(),
}).refine(canBeMet, "Expected macronutrients that give the target's energy, at 4, 4 and 9 kcal per gram");

export type DayTarget = z.infer<typeof DayTarget>;

/** The tolerated deviation of a day from its target. */
export const TOLERANCE = 0.1;

function canBeMet({ energy_kcal, protein_g, carbohydrate_g, fat_g }: {
  energy_kcal: number;
  protein_g?: number;
  carbohydrate_g?: number;
  fat_g?: number;
}): boolean {
  const isWhole = protein_g !== undefined && carbohydrate_g !== undefined && fat_g !== undefined;
  const given = {
    energy_kcal,
    protein_g: protein_g ?? 0,
    carbohydrate_g: carbohydrate_g ?? 0,
    fat_g: fat_g ?? 0,
  };
  const { energy_from_macros_kcal, energy_plausible } = checkEnergy(given);
  return isWhole ? energy_plausible : energy_from_macros_kcal <= energy_kcal * (1 + TOLERANCE);
}

/** The deviations of a day beyond the tolerance, in words, each with the value, the target and the tolerance. */
export function missesOf(totals: Macros, target: DayTarget): string[] {
  return (Object.entries(target) as [keyof Macros, number | undefined][]).flatMap(([key, wanted]) => {
    if (wanted === undefined || Math.abs(totals[key] - wanted) <= wanted * TOLERANCE) return [];
    const [least, most] = [1 - TOLERANCE, 1 + TOLERANCE].map((factor) => Math.round(wanted * factor));
    return [`${key} of the day is ${totals[key]}, it must be from ${least} to ${most}`];
  });
}

/**
 * The bounds of one meal, so that any day of such meals is within the tolerance; a fifth of it is left for rounding.
 */
export function mealBounds(wanted: number, share: number): { minimum: number; maximum: number } {
  const margin = TOLERANCE * 0.8;
  const tenths = (value: number) => Math.round(value * 10) / 10;
  return { minimum: tenths(wanted * share * (1 - margin)), maximum: tenths(wanted * share * (1 + margin)) };
}
