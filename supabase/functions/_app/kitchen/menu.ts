import { allergyMatcher, isCheckedScript } from "./allergens.ts";
import { dietMatcher } from "./diets.ts";

/**
 * Says what in a text breaks the allergies or the diet; undefined for what may be eaten. With allergies, a text in letters
 * that the vocabularies do not know may not be eaten: nobody has looked at it.
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

/** The meals of a day in their order, each with its share of the day's energy. The shares are usual ones, no rule. */
export function mealsOfDay(snacks: number): [string, number][] {
  return Object.entries(MEALS_BY_SNACKS[snacks]!);
}
