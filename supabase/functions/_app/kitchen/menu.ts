import { allergyMatcher, isCheckedScript } from "./allergens.ts";
import { dietMatcher } from "./diets.ts";

/**
 * The word in a text that breaks the allergies or the diet; undefined if it may be eaten. With allergies, a text in a
 * script that the vocabularies do not cover counts as forbidden, because it cannot be checked.
 */
export function foodRules(allergies: string[], diet: string): (text: string) => string | undefined {
  const allergen = allergyMatcher(allergies);
  const forbidden = dietMatcher(diet);
  return (text) => {
    if (allergies.length > 0 && !isCheckedScript(text)) {
      return "the answer cannot be checked for allergies: it is not written in plain Latin letters";
    }
    const found = allergen(text);
    if (found !== undefined) return `"${found.word}" is not allowed: allergy to ${found.allergy}`;
    const word = forbidden(text);
    return word && `"${word}" is not allowed: the diet is ${diet}`;
  };
}

const MEALS_BY_SNACKS = [
  { breakfast: 0.25, lunch: 0.4, dinner: 0.35 },
  { breakfast: 0.25, lunch: 0.35, snack: 0.1, dinner: 0.3 },
  { breakfast: 0.2, morning_snack: 0.1, lunch: 0.35, snack: 0.1, dinner: 0.25 },
];

/** The meals of a day in order, each with its share of the day's energy. The shares are typical values. */
export function mealsOfDay(snacks: number): [string, number][] {
  return Object.entries(MEALS_BY_SNACKS[snacks]!);
}
