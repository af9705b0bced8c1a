import { z } from "zod";

const DAY_MS = 86_400_000;

/** The Monday of a day's week (ISO 8601). */
export function mondayOf(day: string): string {
  const ms = Date.parse(day);
  return dayOf(ms - (new Date(ms).getUTCDay() + 6) % 7 * DAY_MS);
}

/** The ISO 8601 week of a day, like 2026-W53: it belongs to the year of its Thursday. */
export function isoWeekOf(day: string): string {
  const thursday = new Date(Date.parse(mondayOf(day)) + 3 * DAY_MS);
  const year = thursday.toISOString().slice(0, 4);
  const week = Math.floor((thursday.getTime() - Date.parse(`${year}-01-01`)) / (7 * DAY_MS)) + 1;
  return `${year}-W${String(week).padStart(2, "0")}`;
}

/** The part of a session that counts for its week; the distance is optional. */
export interface WeeklySession {
  date: string;
  duration_min: number;
  distance_km?: number;
  energy_kcal: number;
}

export const WeekTotals = z.object({
  week: z.string(),
  monday: z.iso.date(),
  sessions: z.int(),
  active_days: z.int(),
  duration_min: z.number(),
  distance_km: z.number(),
  energy_kcal: z.number(),
});

export type WeekTotals = z.infer<typeof WeekTotals>;

/** The totals of a number of ISO weeks up to that of a day, oldest first, including weeks without sessions. */
export function weeklyTotals(sessions: WeeklySession[], until: string, weeks: number): WeekTotals[] {
  const lastMonday = Date.parse(mondayOf(until));
  return Array.from({ length: weeks }, (_, index) => {
    const monday = dayOf(lastMonday - (weeks - 1 - index) * 7 * DAY_MS);
    const own = sessions.filter(({ date }) => mondayOf(date) === monday && date <= until);
    const total = (key: "duration_min" | "distance_km" | "energy_kcal") =>
      Math.round(own.reduce((sum, session) => sum + (session[key] ?? 0), 0) * 10) / 10;
    return {
      week: isoWeekOf(monday),
      monday,
      sessions: own.length,
      active_days: new Set(own.map(({ date }) => date)).size,
      duration_min: total("duration_min"),
      distance_km: total("distance_km"),
      energy_kcal: total("energy_kcal"),
    };
  });
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
