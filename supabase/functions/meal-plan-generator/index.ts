import { z } from "zod";

import { allergiesAsWritten } from "../_app/kitchen/allergens.ts";
import { foodRules, mealsOfDay } from "../_app/kitchen/menu.ts";
import { normalName } from "../_app/kitchen/names.ts";
import { AllergiesAsWritten, Allergy, checkLanguage, StockItem } from "../_app/kitchen/stock.ts";
import { checkEnergy, Macros, sum } from "../_app/nutrition/macros.ts";
import { DayTarget, missesOf } from "../_app/nutrition/targets.ts";
import { AppError } from "../_shared/platform/errors.ts";
import { defineFeature } from "../_shared/feature.ts";
import { Locale } from "../_shared/inputs.ts";
import { Ingredient, Meal, schemaFor, systemFor } from "./day.ts";

/** How many days are planned in parallel; with more, days would know too little of each other's dishes. */
const DAYS_AT_ONCE = 4;
const TITLES_TO_AVOID = 12;
/** The most reasons that the second attempt is given. */
const MAX_REASONS = 5, MAX_REASON_CHARACTERS = 150;
/** One for each day in turn, so that days planned in parallel differ. */
const CUISINES = ["Mediterranean", "Indian", "Mexican", "Japanese", "Middle Eastern", "Nordic", "Thai"];

const Input = z.object({
  days: z.int().min(1).max(14),
  target: DayTarget,
  diet: z.string().trim().max(100).default("none"),
  allergies: z.array(Allergy).max(20).default([]),
  inventory: z.array(StockItem).max(60).default([]),
  snacks: z.int().min(0).max(2).default(0),
  preferences: z.string().trim().max(500).default(""),
  locale: Locale,
}).check(checkLanguage);

const Day = z.object({
  day: z.int(),
  meals: z.array(Meal.extend({
    slot: z.string(),
    ingredients: z.array(Ingredient.extend({ in_inventory: z.boolean() })),
  })),
  totals: Macros,
  energy_plausible: z.boolean(),
});

/**
 * Plans meals day by day. Each day respects the allergies and the diet, and stays within 10 % of the target, or the
 * request fails.
 */
export default defineFeature({
  name: "meal-plan-generator",
  price: { per_call: 4, per_1k_input_tokens: 1, per_1k_output_tokens: 4 },
  limits: ({ days, snacks }) => ({
    calls: 2 * days,
    prompt_tokens: 3_500,
    output_tokens: 600 * (3 + snacks),
  }),
  input: Input,
  output: z.object({ target: DayTarget, days: z.array(Day), allergies_as_written: AllergiesAsWritten }),

  async run({ input, models, show }) {
    const ruleBrokenBy = foodRules(input.allergies, input.diet);
    const inventory = input.inventory.filter(({ name }) => ruleBrokenBy(name) === undefined);
    const atHand = new Set(inventory.map(({ name }) => normalName(name)));
    const slots = mealsOfDay(input.snacks);

    /** Requests a day, and once more with the reasons if it breaks a rule. */
    async function planDay(day: number, avoid: string[]): Promise<z.infer<typeof Day>> {
      const request = { ...input, inventory, day, cuisine: CUISINES[(day - 1) % CUISINES.length], avoid };
      let faults: string[] = [];
      for (let tries = 1; tries <= 2; tries++) {
        const plan = await models.object({
          schema: schemaFor(slots, input.target),
          system: systemFor(input.locale),
          user: JSON.stringify(tries === 1 ? request : { ...request, refused_because: faults }),
        });
        const meals = slots.map(([slot]) => ({ slot, ...plan[slot]! }));
        const totals = sum(meals);
        faults = [...missesOf(totals, input.target), ...meals.flatMap((meal) => faultsOf(meal, ruleBrokenBy))]
          .slice(0, MAX_REASONS).map((reason) => reason.slice(0, MAX_REASON_CHARACTERS));
        if (faults.length > 0) continue;
        const marked = meals.map((meal) => ({
          ...meal,
          ingredients: meal.ingredients.map((one) => ({
            ...one,
            in_inventory: atHand.has(normalName(one.name)),
          })),
        }));
        return { day, meals: marked, totals, energy_plausible: checkEnergy(totals).energy_plausible };
      }
      throw new AppError("answer_refused", `No plan for day ${day} satisfies the rules`, {
        details: { day, reasons: faults },
      });
    }

    const days: z.infer<typeof Day>[] = [];
    while (days.length < input.days) {
      const avoid = days.flatMap(({ meals }) => meals.map(({ title }) => title)).slice(-TITLES_TO_AVOID);
      const count = Math.min(DAYS_AT_ONCE, input.days - days.length);
      const numbers = Array.from({ length: count }, (_, index) => days.length + 1 + index);
      await Promise.all(numbers.map(async (number) => {
        days.push(await planDay(number, avoid));
        days.sort((one, other) => one.day - other.day);
        show({ target: input.target, days });
      }));
    }
    return { target: input.target, days, allergies_as_written: allergiesAsWritten(input.allergies) };
  },
}) satisfies Deno.ServeDefaultExport;

/** The violations of the food rules in a meal, each with its place. */
function faultsOf(meal: z.infer<typeof Meal>, ruleBrokenBy: (text: string) => string | undefined): string[] {
  return [meal.title, meal.description, ...meal.ingredients.map(({ name }) => name)].flatMap((text) => {
    const fault = ruleBrokenBy(text);
    return fault === undefined ? [] : [`${meal.title}: ${fault}`];
  });
}
