import type { Random } from "./random.ts";

const DISHES = [
  "Lentil soup",
  "Grilled salmon",
  "Chickpea curry",
  "Greek salad",
  "Mushroom risotto",
  "Vegetable stir-fry",
  "Chicken tagine",
  "Oat porridge",
  "Bean chili",
  "Spinach omelette",
];
const INGREDIENTS = [
  "red lentils",
  "olive oil",
  "tomato",
  "onion",
  "garlic",
  "brown rice",
  "spinach",
  "salmon fillet",
  "chickpeas",
  "plain yoghurt",
  "lemon",
  "carrot",
];
const STEPS = [
  "Chop the vegetables into even pieces.",
  "Warm the oil in a wide pan over medium heat.",
  "Simmer gently until everything is tender.",
  "Season to taste and stir well.",
  "Leave it to rest for two minutes before serving.",
];
const SENTENCES = [
  "This is a demo answer, made up without a model.",
  "The protein looks well spread over the day.",
  "A handful of greens would round this off.",
  "Most of the energy comes from the main dish.",
  "The portion fits an ordinary lunch.",
  "A glass of water goes well with it.",
];
const PLAIN = ["sample", "basil", "amber", "harbour", "meadow", "lantern", "cedar", "pebble"];

/** Words by a property's name; the first matching pattern wins. */
const WORDS_BY_NAME: [RegExp, readonly string[]][] = [
  [/ingredient|food|item|product/, INGREDIENTS],
  [/unit/, ["g", "ml", "piece", "tbsp"]],
  [/cuisine/, ["Mediterranean", "Indian", "Japanese", "Mexican"]],
  [/meal_?type|meal$/, ["breakfast", "lunch", "dinner", "snack"]],
  [/locale|language/, ["en"]],
  [/currency/, ["EUR"]],
  [/country/, ["PT", "DE", "CH"]],
  [/color|colour/, ["amber", "green", "white"]],
  [/day/, ["Monday", "Wednesday", "Friday"]],
  [/tag|category|label/, ["quick", "vegetarian", "high protein"]],
  [/step|instruction|direction/, STEPS],
  [/summary|description|note|advice|tip|reason|message|text|answer|comment|explanation|prose/, SENTENCES],
  [/name|dish|title|recipe/, DISHES],
];

/** Ranges by a property's name, with the unit at its end, as this project writes it. */
const RANGES_BY_NAME: [RegExp, readonly [number, number]][] = [
  [/kcal|calories|energy/, [80, 900]],
  [/confidence|probability|ratio|fraction/, [0.5, 1]],
  [/percent|pct/, [5, 95]],
  [/_mg$/, [10, 800]],
  [/_kg$/, [45, 110]],
  [/_cm$/, [150, 195]],
  [/_g$|gram|protein|carb|fat|fiber|fibre|sugar/, [2, 250]],
  [/_ml$/, [50, 750]],
  [/_min$|minute/, [5, 60]],
  [/_ms$/, [100, 5_000]],
  [/_s$|second/, [5, 120]],
  [/serving|portion|people/, [1, 6]],
  [/rating|stars/, [1, 5]],
  [/count|quantity|amount/, [1, 10]],
  [/age/, [18, 80]],
  [/price|cost/, [1, 40]],
];

/** A plausible word or sentence for a property's name. */
export function plausibleText(name: string, random: Random): string {
  return random.pick(listFor(name));
}

/** A plausible range for a number in a property with this name. */
export function plausibleRange(name: string): readonly [number, number] {
  const lowerName = name.toLowerCase();
  return RANGES_BY_NAME.find(([pattern]) => pattern.test(lowerName))?.[1] ?? [1, 100];
}

/** Two to four sentences that say they are a demo. */
export function demoProse(random: Random): string {
  const others = Array.from({ length: random.integer(1, 3) }, () => random.pick(SENTENCES.slice(1)));
  return [SENTENCES[0], ...new Set(others)].join(" ");
}

function listFor(name: string): readonly string[] {
  const lowerName = name.toLowerCase();
  return WORDS_BY_NAME.find(([pattern]) => pattern.test(lowerName))?.[1] ?? PLAIN;
}
