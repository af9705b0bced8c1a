import { z } from "zod";

import { type MeasureRanges, tenths } from "./measures.ts";

/** The data that a person enters. */
export interface Person {
  height_cm: number;
  weight_kg: number;
  sex: "female" | "male";
  /** In years. */
  age: number;
}

/** Body mass index in kg/m². Quetelet's index; WHO, https://www.who.int/data/gho/data/themes/topics/topic-details/GHO/body-mass-index */
export function bodyMassIndex({ height_cm, weight_kg }: Pick<Person, "height_cm" | "weight_kg">): number {
  return tenths(weight_kg / (height_cm / 100) ** 2);
}

/** Waist-to-height ratio. Ashwell & Hsieh 2005, https://doi.org/10.1080/09637480500195066 */
export function waistToHeight({ height_cm }: Pick<Person, "height_cm">, waist_cm: number): number {
  return Math.round(waist_cm / height_cm * 100) / 100;
}

/** Essential fat, and the highest measured body fat: a result outside this range means that the inputs are wrong. */
const [MIN_PERCENT, MAX_PERCENT] = [2, 70];

export const BodyFat = z.object({
  method: z.literal("us_navy_circumferences"),
  low_percent: z.number(),
  value_percent: z.number(),
  high_percent: z.number(),
});

export type BodyFat = z.infer<typeof BodyFat>;

/**
 * Body fat by circumferences, with the range that follows from their ranges; null if the result is impossible.
 * Density by Hodgdon & Beckett 1984 (Naval Health Research Center, reports 84-11 for men and 84-29 for women), in cm,
 * and fat from density by Siri 1961. The waist is measured at the navel for men and at the narrowest point for women.
 * In addition to the measuring error, the standard error is 3.5 % of body mass for men and 3.7 % for women.
 * https://apps.dtic.mil/sti/citations/ADA143890 https://apps.dtic.mil/sti/citations/ADA146456
 */
export function navyBodyFat(
  person: Pick<Person, "height_cm" | "sex">,
  measures: MeasureRanges,
): BodyFat | null {
  const { neck, waist, hip } = measures;
  const girth = (own: "low_cm" | "value_cm" | "high_cm", neckSide: typeof own) =>
    waist[own] - neck[neckSide] + (person.sex === "female" ? hip[own] : 0);
  const value = navyPercent(person, girth("value_cm", "value_cm"));
  if (value === undefined || value < MIN_PERCENT || value > MAX_PERCENT) return null;
  const low = navyPercent(person, girth("low_cm", "high_cm")) ?? MIN_PERCENT;
  const high = navyPercent(person, girth("high_cm", "low_cm")) ?? MAX_PERCENT;
  return {
    method: "us_navy_circumferences",
    low_percent: tenths(Math.max(MIN_PERCENT, low)),
    value_percent: tenths(value),
    high_percent: tenths(Math.min(MAX_PERCENT, high)),
  };
}

/** Undefined if the logarithm or the density is impossible. */
function navyPercent(
  { height_cm, sex }: Pick<Person, "height_cm" | "sex">,
  girth_cm: number,
): number | undefined {
  if (girth_cm <= 0) return undefined;
  const density_kg_per_l = sex === "male"
    ? 1.0324 - 0.19077 * Math.log10(girth_cm) + 0.15456 * Math.log10(height_cm)
    : 1.29579 - 0.35004 * Math.log10(girth_cm) + 0.221 * Math.log10(height_cm);
  return density_kg_per_l > 0 ? 495 / density_kg_per_l - 450 : undefined;
}

/**
 * Body fat in % of an adult by mass, height, age and sex only. Its standard error is about 4 %, so it serves as a
 * check of the result by circumferences. Clamped to the possible range: outside it the body mass index itself is
 * impossible. Deurenberg, Weststrate & Seidell 1991, https://doi.org/10.1079/BJN19910073
 */
export function deurenbergBodyFatPercent({ sex, age, ...size }: Person): number {
  const percent = 1.2 * bodyMassIndex(size) + 0.23 * age - (sex === "male" ? 10.8 : 0) - 5.4;
  return tenths(Math.min(MAX_PERCENT, Math.max(MIN_PERCENT, percent)));
}

const PROBLEMS = [
  "bmi_outside_12_to_60",
  "waist_to_height_outside_0_3_to_1",
  "neck_not_below_waist",
  "thigh_not_below_hip",
  "calf_not_below_thigh",
  "upper_arm_not_below_chest",
  "body_fat_formula_without_result",
  "body_fat_methods_differ_by_over_10",
] as const;

export const Problem = z.enum(PROBLEMS);

export type Problem = z.infer<typeof Problem>;

/** Contradictions within a person's data and measures; empty if all of it is plausible. */
export function problemsOf(
  person: Person,
  { neck, chest, waist, hip, thigh, calf, upper_arm }: MeasureRanges,
): Problem[] {
  const bmi = bodyMassIndex(person);
  const ratio = waistToHeight(person, waist.value_cm);
  const bodyFat = navyBodyFat(person, { neck, chest, waist, hip, thigh, calf, upper_arm });
  const isThere: Record<Problem, boolean> = {
    bmi_outside_12_to_60: bmi < 12 || bmi > 60,
    waist_to_height_outside_0_3_to_1: ratio < 0.3 || ratio > 1,
    neck_not_below_waist: neck.value_cm >= waist.value_cm,
    thigh_not_below_hip: thigh.value_cm >= hip.value_cm,
    calf_not_below_thigh: calf.value_cm >= thigh.value_cm,
    upper_arm_not_below_chest: upper_arm.value_cm >= chest.value_cm,
    body_fat_formula_without_result: bodyFat === null,
    body_fat_methods_differ_by_over_10: bodyFat !== null &&
      Math.abs(bodyFat.value_percent - deurenbergBodyFatPercent(person)) > 10,
  };
  return PROBLEMS.filter((problem) => isThere[problem]);
}
