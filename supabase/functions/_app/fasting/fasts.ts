import { z } from "zod";

/** One finished fast and the day on which it ended. Beyond three days is a doctor's matter and refused. */
export const Fast = z.object({
  date: z.iso.date(),
  duration_h: z.number().min(0.5).max(72),
});

export type Fast = z.infer<typeof Fast>;

/** The fasts as points of a series in hours. */
export function durationsOf(fasts: Fast[]): { date: string; value: number }[] {
  return fasts.map(({ date, duration_h }) => ({ date, value: duration_h }));
}

/** Hours, rounded to a hundredth. */
export function totalHours(durations_h: number[]): number {
  return Math.round(100 * durations_h.reduce((sum, one) => sum + one, 0)) / 100;
}
