import { z } from "zod";

/** One finished fast and the day on which it ended. A fast of more than three days needs a doctor and is refused. */
export const Fast = z.object({
  date: z.iso.date(),
  duration_h: z.number().min(0.5).max(72),
});

export type Fast = z.infer<typeof Fast>;

/** The fasts as a series in hours. */
export function durationsOf(fasts: Fast[]): { date: string; value: number }[] {
  return fasts.map(({ date, duration_h }) => ({ date, value: duration_h }));
}

/** Rounded to a hundredth of an hour. */
export function totalHours(durations_h: number[]): number {
  return Math.round(100 * durations_h.reduce((sum, one) => sum + one, 0)) / 100;
}
