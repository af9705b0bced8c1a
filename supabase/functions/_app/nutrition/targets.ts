import { z } from "zod";

import { checkEnergy, type Macros } from "./macros.ts";

/** A day's target: energy always, macronutrients where the user has them. Very low energy diets are a doctor's matter. */
export const DayTarget = z.object({
  energy_kcal: z.number().min(1_000).max(6_000),
  protein_g: z.number().min(10).max(500).optional(),
  carbohydrate_g: z.number().min(10).max(1_000).optional(),
  fat_g: z.number().min(10).max(400).optional(),
}).refine(canBeMet, "Expected macronutrients that give the target's energy, at 4, 4 and 9 kcal per gram");

export type DayTarget = z.infer<typeof DayTarget>;

/** How far from a target a day may be. */
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

/** What a day is off by more than the tolerance, in words that name the number, the target and what is allowed. */
export function missesOf(totals: Macros, target: DayTarget): string[] {
  return (Object.entries(target) as [keyof Macros, number | undefined][]).flatMap(([key, wanted]) => {
    if (wanted === undefined || Math.abs(totals[key] - wanted) <= wanted * TOLERANCE) return [];
    const [least, most] = [1 - TOLERANCE, 1 + TOLERANCE].map((factor) => Math.round(wanted * factor));
    return [`${key} of the day is ${totals[key]}, it must be from ${least} to ${most}`];
  });
}

/** What one meal may hold so that any day of such meals is within the tolerance; a fifth of it is left for rounding. */
export function mealBounds(wanted: number, share: number): { minimum: number; maximum: number } {
  const margin = TOLERANCE * 0.8;
  const tenths = (value: number) => Math.round(value * 10) / 10;
  return { minimum: tenths(wanted * share * (1 - margin)), maximum: tenths(wanted * share * (1 + margin)) };
}
