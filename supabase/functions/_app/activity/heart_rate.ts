import { z } from "zod";

/** The reference values for heart rates. */
export interface HeartRateRange {
  resting_bpm: number;
  max_bpm: number;
}

/**
 * The expected maximum at an age in years: 208 - 0.7 × age. Tanaka et al. 2001,
 * https://doi.org/10.1016/S0735-1097(00)01054-8
 */
export function expectedMaxBpm(age: number): number {
  return Math.round(208 - 0.7 * age);
}

/** The used share of the heart rate reserve, from 0 at rest to 1 at the maximum, clamped to this range. */
export function reserveUsed(bpm: number, { resting_bpm, max_bpm }: HeartRateRange): number {
  return Math.min(1, Math.max(0, (bpm - resting_bpm) / (max_bpm - resting_bpm)));
}

/**
 * Intensity zones, with the share of the heart rate reserve at which each begins. Garber et al., ACSM position stand,
 * 2011: https://doi.org/10.1249/MSS.0b013e318213fefb
 */
const ZONES = { very_light: 0, light: 0.3, moderate: 0.4, vigorous: 0.6, near_maximal: 0.9 };

export const ZoneTimes = z.object({
  very_light_min: z.number(),
  light_min: z.number(),
  moderate_min: z.number(),
  vigorous_min: z.number(),
  near_maximal_min: z.number(),
});

export type ZoneTimes = z.infer<typeof ZoneTimes>;

/** Minutes in each zone, from evenly spaced samples over the duration, in tenths; they add up to the duration. */
export function zoneTimes(samples_bpm: number[], duration_min: number, range: HeartRateRange): ZoneTimes {
  const starts = Object.values(ZONES);
  const counts = starts.map(() => 0);
  for (const bpm of samples_bpm) {
    const used = reserveUsed(bpm, range);
    counts[starts.findLastIndex((start) => used >= start)]!++;
  }
  // The boundaries are rounded, since five minutes rounded separately would not add up to the duration.
  const ends = counts.map((_, index) => {
    const samples = counts.slice(0, index + 1).reduce((sum, count) => sum + count, 0);
    return tenths(samples / samples_bpm.length * duration_min);
  });
  const minutes = (index: number) => tenths(ends[index]! - (ends[index - 1] ?? 0));

  return {
    very_light_min: minutes(0),
    light_min: minutes(1),
    moderate_min: minutes(2),
    vigorous_min: minutes(3),
    near_maximal_min: minutes(4),
  };
}

/**
 * Banister's training impulse: minutes × used reserve × weight, where the weight follows the blood lactate of women
 * or men at that intensity. With evenly spaced samples, each counts for its part of the duration; a single sample is
 * the mean heart rate, as in the original. Morton et al. 1990, https://doi.org/10.1152/jappl.1990.69.3.1171
 */
export function trimpOf(
  samples_bpm: number[],
  duration_min: number,
  range: HeartRateRange,
  sex: "female" | "male",
): number {
  const [factor, exponent] = sex === "female" ? [0.86, 1.67] : [0.64, 1.92];
  const perMinute = samples_bpm.map((bpm) => {
    const used = reserveUsed(bpm, range);
    return used * factor * Math.exp(exponent * used);
  });
  return tenths(perMinute.reduce((sum, one) => sum + one, 0) / samples_bpm.length * duration_min);
}

/** Seconds per kilometre. */
export function paceSPerKm(distance_km: number, duration_min: number): number {
  return Math.round(duration_min * 60 / distance_km);
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}
