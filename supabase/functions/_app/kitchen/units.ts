import { densityOf, pieceMassOf } from "./portions.ts";

/** The units in responses. */
export const UNITS = ["g", "kg", "ml", "l", "tsp", "tbsp", "cup", "piece"] as const;

export type Unit = typeof UNITS[number];

/** An amount of one food. */
export interface Amount {
  quantity: number;
  unit: Unit;
}

/** A unit's dimension, and its size in grams, millilitres or pieces. */
type Measure = readonly ["mass" | "volume" | "count", number];

/**
 * Spoons and cups as nutrition labels count them: 5, 15 and 240 ml.
 * https://www.ecfr.gov/current/title-21/section-101.9#p-101.9(b)(5)(viii)
 */
const MEASURES: Record<Unit, Measure> = {
  g: ["mass", 1],
  kg: ["mass", 1_000],
  ml: ["volume", 1],
  l: ["volume", 1_000],
  tsp: ["volume", 5],
  tbsp: ["volume", 15],
  cup: ["volume", 240],
  piece: ["count", 1],
};

const BASES = { mass: "g", volume: "ml", count: "piece" } as const;
export type BaseUnit = typeof BASES[keyof typeof BASES];

/**
 * The ways in which people write units, each with its size in our units; pounds and ounces are the international
 * avoirdupois ones.
 */
const SPELLINGS: [string, Unit, number?][] = [
  ["g gr gram grams gramme grammes gramm gramos grammi gramas グラム", "g"],
  ["mg milligram milligrams", "g", 0.001],
  ["dag deka", "g", 10],
  ["kg kgs kilo kilos kilogram kilograms kilogramme kilogrammes kilogramm", "kg"],
  ["lb lbs pound pounds", "g", 453.592_37],
  ["oz ounce ounces", "g", 28.349_523_125],
  ["ml millilitre millilitres milliliter milliliters", "ml"],
  ["cl centilitre centilitres centiliter", "ml", 10],
  ["dl decilitre decilitres deciliter", "ml", 100],
  ["l lt ltr litre litres liter liters litro litros litri", "l"],
  ["tsp tsps teaspoon teaspoons tl teeloffel cac cucchiaino cucchiaini cucharadita cucharaditas", "tsp"],
  ["tbsp tbsps tbs tablespoon tablespoons el essloffel cas cucchiaio cucchiai cucharada cucharadas", "tbsp"],
  ["cup cups tasse tassen tasses taza tazas tazza tazze", "cup"],
  [
    "piece pieces pc pcs pce x × unit units each ea item items stuck stk st piece(s) unite unites unidad unidades pezzo pezzi",
    "piece",
  ],
  ["dozen dz douzaine dutzend docena", "piece", 12],
];

const READINGS = new Map(
  SPELLINGS.flatMap(([words, unit, factor = 1]) =>
    words.split(" ").map((word) => [word, { unit, factor }] as const)
  ),
);

/** Reads an amount with a freely written unit; undefined for an unknown unit. */
export function readAmount(quantity: number, unit: string): Amount | undefined {
  const word = unit.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().trim().replace(/\.$/, "");
  const reading = READINGS.get(word === "" ? "piece" : word);
  return reading && { quantity: quantity * reading.factor, unit: reading.unit };
}

const FRACTIONS: Record<string, number> = { "½": 0.5, "¼": 0.25, "¾": 0.75, "⅓": 1 / 3, "⅔": 2 / 3 };
const NUMBER = String.raw`(?:\d+\s*/\s*\d+|\d+(?:[.,]\d+)*\s*[½¼¾⅓⅔]?|[½¼¾⅓⅔])`;
/** Numbers as words; one may multiply the number in digits: "six 330 ml cans". */
const NUMBER_WORDS = /\b(?:two|three|four|five|six|seven|eight|nine|ten|twelve|dozen|pair|double|twin)\b/i;
const AMOUNT = new RegExp(String.raw`(?<![\p{L}\p{N}.,/])(${NUMBER})\s*(\p{L}+)?(?![\p{L}\p{N}])`, "gu");

/**
 * The only amount with a unit in a line, as in "500 g flour" or "milk 1,5 l". Undefined if there is none or more than
 * one, as in "2 x 500 g", and if a number is ambiguous: "1.500 g" is 1500 g in one country and 1.5 g in another.
 */
export function amountIn(line: string): Amount | undefined {
  const numbers = [...line.normalize("NFC").matchAll(AMOUNT)];
  if (numbers.length !== 1 || NUMBER_WORDS.test(line)) return undefined;
  const [, number, word] = numbers[0]!;
  if (word === undefined) return undefined;
  const quantity = readNumber(number!);
  const amount = quantity === undefined ? undefined : readAmount(quantity, word);
  return amount && Number.isFinite(amount.quantity) && amount.quantity > 0 ? amount : undefined;
}

function readNumber(text: string): number | undefined {
  const [above, below] = text.split("/").map((part) => part.trim());
  if (below !== undefined) return Number(above) / Number(below);
  const fraction = /[½¼¾⅓⅔]$/.exec(text)?.[0] ?? "";
  const whole = readDecimal(text.replace(fraction, "").trim() || "0");
  return whole === undefined ? undefined : whole + (FRACTIONS[fraction] ?? 0);
}

/**
 * Comma and point are the decimal mark in some countries, and separate thousands in others. Undefined if ambiguous.
 */
function readDecimal(digits: string): number | undefined {
  const marks: string[] = digits.match(/[.,]/g) ?? [];
  if (marks.length === 0) return Number(digits);
  const groups = digits.split(/[.,]/);
  const areThousands = groups.slice(1).every((group) => group.length === 3) &&
    /^[1-9]\d{0,2}$/.test(groups[0]!);
  if (marks.length === 1) return areThousands ? undefined : Number(digits.replace(",", "."));
  if (new Set(marks).size === 1) return areThousands ? Number(groups.join("")) : undefined;
  const last = marks.at(-1)!;
  const isDecimal = marks.indexOf(last) === marks.length - 1 &&
    groups.slice(1, -1).every(({ length }) => length === 3);
  return isDecimal ? Number(`${groups.slice(0, -1).join("")}.${groups.at(-1)}`) : undefined;
}

/** The same amount in grams, millilitres or pieces. */
export function toBase({ quantity, unit }: Amount): { quantity: number; unit: BaseUnit } {
  const [dimension, factor] = MEASURES[unit];
  return { quantity: quantity * factor, unit: BASES[dimension] };
}

/** Grams of an amount of a food, by its density or the mass of one piece; undefined if these are unknown. */
export function toGrams(food: string, amount: Amount): number | undefined {
  const { quantity, unit } = toBase(amount);
  const gramsOfOne = gramsPer(food, unit);
  return gramsOfOne === undefined ? undefined : quantity * gramsOfOne;
}

/** An amount of a food in another base unit; undefined if the food's density or mass per piece is unknown. */
export function convert(food: string, amount: Amount, unit: BaseUnit): number | undefined {
  const base = toBase(amount);
  if (base.unit === unit) return base.quantity;
  const grams = toGrams(food, amount);
  const gramsOfOne = gramsPer(food, unit);
  return grams === undefined || gramsOfOne === undefined ? undefined : grams / gramsOfOne;
}

function gramsPer(food: string, unit: BaseUnit): number | undefined {
  if (unit === "g") return 1;
  return unit === "ml" ? densityOf(food) : pieceMassOf(food);
}

/**
 * As a shop would write it: 1.5 kg and not 1500 g, whole grams and millilitres, pieces to a tenth; finer only if the
 * result would be 0.
 */
export function display({ quantity, unit }: { quantity: number; unit: BaseUnit }): Amount {
  const usual = unit === "piece" ? Math.round(quantity * 10) / 10 : Math.round(quantity);
  if (usual === 0) {
    return { quantity: Math.round(quantity * 1_000) / 1_000 || Number(quantity.toPrecision(1)), unit };
  }
  if (unit === "piece" || usual < 1_000) return { quantity: usual, unit };

  return { quantity: Math.round(quantity / 10) / 100, unit: unit === "g" ? "kg" : "l" };
}
