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
 * The minimum of moderate activity per week for adults. WHO 2020,
 * https://www.who.int/publications/i/item/9789240015128
 */
const ALWAYS_ALLOWED_MIN = 150;
/**
 * A larger increase over the mean of the last weeks raises the risk of injury. Gabbett 2016,
 * https://doi.org/10.1136/bjsports-2015-095788
 */
const MAX_GROWTH = 1.3;
const MAX_DAYS = 6;
const SHORTEST_MIN = 10;

/** The maximum duration of a week's plan, from the durations of the last weeks. */
export function maxWeeklyMin(lastWeeks_min: number[]): number {
  const mean = lastWeeks_min.reduce((sum, one) => sum + one, 0) / Math.max(1, lastWeeks_min.length);
  return Math.floor(Math.max(ALWAYS_ALLOWED_MIN, MAX_GROWTH * mean));
}

/**
 * Corrects a plan: at most one session per day, one day of rest, in order, and at most the allowed minutes in total.
 * A plan that is too long is shortened in proportion; sessions of less than ten minutes are dropped.
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
