import { z } from "zod";

import { type HeartRateRange, paceSPerKm, trimpOf, ZoneTimes, zoneTimes } from "./heart_rate.ts";
import { ACTIVITIES } from "./met.ts";

const Bpm = z.int().min(30).max(240);

/**
 * A training session with its heart rate: the mean, or evenly spaced samples over the duration, which are more exact.
 */
export const MeasuredSession = z.object({
  date: z.iso.date(),
  activity: z.enum(ACTIVITIES),
  duration_min: z.number().min(1).max(1_440),
  distance_km: z.number().min(0.05).max(1_000).optional(),
  mean_heart_rate_bpm: Bpm.optional(),
  heart_rate_samples_bpm: z.array(Bpm).min(1).max(1_000).optional(),
}).refine(
  (session) => session.mean_heart_rate_bpm || session.heart_rate_samples_bpm,
  "Send mean_heart_rate_bpm, heart_rate_samples_bpm or both",
);

/** The values computed from a session's heart rate and distance; zones need samples, pace needs a distance. */
export const SessionAnalysis = z.object({
  date: z.iso.date(),
  activity: z.enum(ACTIVITIES),
  duration_min: z.number(),
  trimp: z.number(),
  zones: ZoneTimes.nullable(),
  pace_s_per_km: z.int().nullable(),
});

/** Computes a session's load, zones and pace. */
export function analyse(
  session: z.infer<typeof MeasuredSession>,
  range: HeartRateRange,
  sex: "female" | "male",
): z.infer<typeof SessionAnalysis> {
  const { date, activity, duration_min, distance_km, mean_heart_rate_bpm, heart_rate_samples_bpm } = session;
  return {
    date,
    activity,
    duration_min,
    trimp: trimpOf(heart_rate_samples_bpm ?? [mean_heart_rate_bpm!], duration_min, range, sex),
    zones: heart_rate_samples_bpm ? zoneTimes(heart_rate_samples_bpm, duration_min, range) : null,
    pace_s_per_km: distance_km === undefined ? null : paceSPerKm(distance_km, duration_min),
  };
}
