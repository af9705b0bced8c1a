import { z } from "zod";

/**
 * A calendar day of the user, as YYYY-MM-DD; far enough from the limits of four-digit years to add and subtract days.
 */
export const Day = z.iso.date().refine(
  (day) => day >= "0100-01-01" && day <= "9990-12-31",
  "Expected a day between the years 100 and 9990",
);

const DAY_MS = 86_400_000;

/** Whole days since 1970-01-01, so that days can be subtracted. */
export function dayNumber(day: string): number {
  return Date.parse(day) / DAY_MS;
}

/** The day this many days after another, or before it if negative. */
export function addDays(day: string, days: number): string {
  return new Date(Date.parse(day) + days * DAY_MS).toISOString().slice(0, 10);
}

/** Days in a row without an entry. */
export const Gap = z.object({ from: z.iso.date(), to: z.iso.date(), days: z.int() });

export type Gap = z.infer<typeof Gap>;

/** Every gap between two days, both inclusive, in order. */
export function gapsOf(days: string[], { from, to }: { from: string; to: string }): Gap[] {
  const seen = [...new Set(days)].filter((day) => day >= from && day <= to).sort();
  const edges = [addDays(from, -1), ...seen, addDays(to, 1)];
  return edges.slice(1).flatMap((next, index) => {
    const previous = edges[index]!;
    const missing = dayNumber(next) - dayNumber(previous) - 1;
    return missing > 0 ? [{ from: addDays(previous, 1), to: addDays(next, -1), days: missing }] : [];
  });
}

/**
 * The longest run of consecutive days up to a day, and the current one, which must end on that day or on the day
 * before, because the day is not over.
 */
export function streaksOf(days: string[], until: string): { current_days: number; longest_days: number } {
  const end = dayNumber(until);
  const seen = new Set(days.map(dayNumber).filter((number) => number <= end));
  const runUpTo = (last: number) => {
    let length = 0;
    while (seen.has(last - length)) length++;
    return length;
  };
  const ends = [...seen].filter((number) => !seen.has(number + 1));
  return {
    current_days: runUpTo(seen.has(end) ? end : end - 1),
    longest_days: Math.max(0, ...ends.map(runUpTo)),
  };
}
