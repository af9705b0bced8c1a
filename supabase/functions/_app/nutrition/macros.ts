import { z } from "zod";

/** Energy and macronutrients of a food, a meal or a day. */
export const Macros = z.object({
  energy_kcal: z.number().min(0),
  protein_g: z.number().min(0),
  carbohydrate_g: z.number().min(0),
  fat_g: z.number().min(0),
});

export type Macros = z.infer<typeof Macros>;

/** Macros of one meal, or of one day's plan, within realistic bounds. */
export const MealMacros = z.object({
  energy_kcal: z.number().min(0).max(20_000),
  protein_g: z.number().min(0).max(2_000),
  carbohydrate_g: z.number().min(0).max(2_000),
  fat_g: z.number().min(0).max(2_000),
});

/** The sum, rounded to a tenth so that no binary fraction shows. */
export function sum(parts: Macros[]): Macros {
  return macrosOf((key) => parts.reduce((total, part) => total + part[key], 0));
}

/** The rest of a target; negative if it is exceeded. */
export function subtract(target: Macros, eaten: Macros): Macros {
  return macrosOf((key) => target[key] - eaten[key]);
}

function macrosOf(value: (key: keyof Macros) => number): Macros {
  const rounded = (key: keyof Macros) => Math.round(value(key) * 10) / 10;
  return {
    energy_kcal: rounded("energy_kcal"),
    protein_g: rounded("protein_g"),
    carbohydrate_g: rounded("carbohydrate_g"),
    fat_g: rounded("fat_g"),
  };
}

const ENERGY_TOLERANCE = 0.2;

/**
 * Energy from the macronutrients, by Atwater's general factors of 4, 4 and 9 kcal/g, and whether the stated energy is
 * within 20 % of it. Alcohol and fibre can explain a difference. https://www.fao.org/4/y5022e/y5022e04.htm
 */
export function checkEnergy(macros: Macros): { energy_from_macros_kcal: number; energy_plausible: boolean } {
  const fromMacros = 4 * macros.protein_g + 4 * macros.carbohydrate_g + 9 * macros.fat_g;
  return {
    energy_from_macros_kcal: Math.round(fromMacros * 10) / 10,
    energy_plausible: Math.abs(macros.energy_kcal - fromMacros) <=
      ENERGY_TOLERANCE * Math.max(macros.energy_kcal, fromMacros),
  };
}
