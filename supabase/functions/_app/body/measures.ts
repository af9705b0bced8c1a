import { z } from "zod";

/** Circumferences in cm, each within the range of adults. */
const RANGES_CM = {
  neck: [20, 70],
  chest: [50, 200],
  waist: [40, 220],
  hip: [50, 220],
  thigh: [25, 120],
  calf: [15, 80],
  upper_arm: [12, 80],
} as const satisfies Record<string, readonly [number, number]>;

export type MeasureName = keyof typeof RANGES_CM;

export const MEASURE_NAMES = Object.keys(RANGES_CM) as MeasureName[];

function forEachMeasure<Schema extends z.ZodType>(
  schema: (min: number, max: number) => Schema,
): Record<MeasureName, Schema> {
  const entries = Object.entries(RANGES_CM).map(([name, [min, max]]) => [name, schema(min, max)] as const);
  return Object.fromEntries(entries) as Record<MeasureName, Schema>;
}

/** The caller's measures in cm; unknown names are refused. */
export const Measures = z.strictObject(forEachMeasure((min, max) => z.number().min(min).max(max).optional()));

/** A model's estimate in cm, with its three numbers in any order. */
export const EstimatedMeasures = z.object(forEachMeasure((min, max) => {
  const cm = z.number().min(min).max(max);
  return z.object({ low_cm: cm, value_cm: cm, high_cm: cm });
}));

export interface Range {
  low_cm: number;
  value_cm: number;
  high_cm: number;
}

export const MeasureRanges = z.object(
  forEachMeasure(() =>
    z.object({
      low_cm: z.number().positive(),
      value_cm: z.number().positive(),
      high_cm: z.number().positive(),
    })
  ),
);

export type MeasureRanges = Record<MeasureName, Range>;

/**
 * The minimum width of a range on either side, as a share of the value. This is an assumption, above the technical
 * error of measuring by tape, which photos cannot beat. On that error: Ulijaszek & Kerr 1999,
 * https://doi.org/10.1017/S0007114599001348
 */
const MIN_ERROR = 0.02;

/** The estimates with low <= value <= high, widened to the minimum range that photos allow, in tenths of a cm. */
export function orderedRanges(estimated: MeasureRanges): MeasureRanges {
  const entries = MEASURE_NAMES.map((name) => {
    const { low_cm, value_cm, high_cm } = estimated[name];
    const [low, value, high] = [low_cm, value_cm, high_cm].toSorted((one, other) => one - other) as [
      number,
      number,
      number,
    ];
    return [name, {
      low_cm: tenths(Math.min(low, value * (1 - MIN_ERROR))),
      value_cm: tenths(value),
      high_cm: tenths(Math.max(high, value * (1 + MIN_ERROR))),
    }];
  });
  return Object.fromEntries(entries);
}

export function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}
