/** Monday first, as in ISO 8601. */
export const WEEKDAYS = [
  "monday",
  "tuesday",
  "wednesday",
  "thursday",
  "friday",
  "saturday",
  "sunday",
] as const;

export type Weekday = typeof WEEKDAYS[number];

/**
 * Adults should move for at least so long each week at moderate effort. WHO 2020,
 * https://www.who.int/publications/i/item/9789240015128
 */
const ALWAYS_ALLOWED_MIN = 150;
/**
 * More than this over the last weeks' mean raises the risk of injury. Gabbett 2016,
 * https://doi.org/10.1136/bjsports-2015-095788
 */
const MAX_GROWTH = 1.3;
const MAX_DAYS = 6;
const SHORTEST_MIN = 10;

/** The most that a week's plan may add up to, after the durations of the last weeks. */
export function maxWeeklyMin(lastWeeks_min: number[]): number {
  const mean = lastWeeks_min.reduce((sum, one) => sum + one, 0) / Math.max(1, lastWeeks_min.length);
  return Math.floor(Math.max(ALWAYS_ALLOWED_MIN, MAX_GROWTH * mean));
}

/**
 * Makes a plan keep the rules: one session a day, one day of rest, in order, and no more minutes together than
 * allowed; what is too much is shortened in proportion, and left out where less than ten minutes stay.
 */
export function fitPlan<Session extends { weekday: Weekday; duration_min: number }>(
  sessions: Session[],
  most_min: number,
): Session[] {
  const byDay = WEEKDAYS.flatMap((day) => sessions.find(({ weekday }) => weekday === day) ?? []);
  const kept = byDay.slice(0, MAX_DAYS);
  const total = kept.reduce((sum, { duration_min }) => sum + duration_min, 0);
  const share = Math.min(1, most_min / total);
  return kept
    .map((session) => ({ ...session, duration_min: Math.floor(session.duration_min * share) }))
    .filter(({ duration_min }) => duration_min >= SHORTEST_MIN);
}
