import { z } from "zod";

import { dayNumber } from "./days.ts";
import { areOutliers, median } from "./outliers.ts";

/** One value of a series, in the series' unit. */
export interface Point {
  date: string;
  value: number;
}

/** The summary of a series over its days, in its own unit. */
export const Trend = z.object({
  count: z.int(),
  first_date: z.iso.date(),
  last_date: z.iso.date(),
  mean: z.number(),
  min: z.number(),
  max: z.number(),
  slope_per_day: z.number().nullable(),
  slope_per_week: z.number().nullable(),
  change: z.number().nullable(),
  direction: z.enum(["rising", "falling", "none"]),
  outliers: z.array(z.object({ date: z.iso.date(), value: z.number() })),
});

export type Trend = z.infer<typeof Trend>;

/** Rounded to five significant digits, so that no binary fraction shows; never minus zero. */
export function rounded(value: number): number {
  return Number(value.toPrecision(5)) + 0;
}

/**
 * Describes one or more points, in any order. Mean, minimum and maximum cover all of them. Outliers are those far
 * from the median line (Theil and Sen's), so a steady rise has none. Outliers are excluded from the slope (least
 * squares) and from the change, which is the slope from the first day to the last. Slope and change are null if all
 * points are on one day. The direction is none unless the slope differs from 0 with 95 % confidence.
 */
export function trendOf(points: Point[]): Trend {
  const sorted = points.toSorted((one, other) => one.date < other.date ? -1 : Number(one.date > other.date));
  const first = sorted[0]!;
  const values = sorted.map(({ value }) => value);
  const marked = sorted.map(({ date, value }) => ({
    date,
    value,
    day: dayNumber(date) - dayNumber(first.date),
  }));
  const isOutlier = areOutliers(residualsOfMedianLine(marked));
  const line = leastSquares(marked.filter((_point, index) => !isOutlier[index]));
  const { date: last_date, day: days } = marked.at(-1)!;
  const [min, max] = [Math.min(...values), Math.max(...values)];
  const mean = rounded(values.reduce((sum, value) => sum + value / values.length, 0));
  return {
    count: points.length,
    first_date: first.date,
    last_date,
    // The mean of equal values, once rounded, would be above or below all of them.
    mean: Math.min(max, Math.max(min, mean)),
    min,
    max,

    slope_per_day: line && rounded(line.slope),
    slope_per_week: line && rounded(line.slope * 7),
    change: line && rounded(line.slope * days),
    direction: !line?.isClear ? "none" : line.slope > 0 ? "rising" : "falling",
    outliers: sorted.filter((_point, index) => isOutlier[index]).map(({ date, value }) => ({ date, value })),
  };
}

interface DatedValue {
  day: number;
  value: number;
}

/** The distance of each point from the line through the medians of all slopes and intercepts. */
function residualsOfMedianLine(points: DatedValue[]): number[] {
  const slopes = points.flatMap((one, index) =>
    points.slice(index + 1).flatMap((other) =>
      other.day === one.day ? [] : [(other.value - one.value) / (other.day - one.day)]
    )
  );
  const slope = slopes.length > 0 ? median(slopes) : 0;
  const heights = points.map(({ day, value }) => value - slope * day);
  const height = median(heights);
  return heights.map((one) => one - height);
}

/**
 * Student's t for 95 % confidence by degrees of freedom; beyond the list its last value is used, which is a little
 * too strict.
 */
const STUDENT_T = [12.71, 4.3, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23];

/** The line of least squares, and whether its slope is significant; null if all points are on one day. */
function leastSquares(points: DatedValue[]): { slope: number; isClear: boolean } | null {
  const count = points.length;
  const meanDay = points.reduce((sum, { day }) => sum + day / count, 0);
  const meanValue = points.reduce((sum, { value }) => sum + value / count, 0);
  const spread = points.reduce((sum, { day }) => sum + (day - meanDay) ** 2, 0);
  if (!(spread > 0)) return null;
  const slope = points.reduce((sum, { day, value }) => sum + (day - meanDay) * (value - meanValue), 0) /
    spread;
  const scatter = points.reduce(
    (sum, { day, value }) => sum + (value - meanValue - slope * (day - meanDay)) ** 2,
    0,
  );
  const freedom = count - 2;
  const needed = STUDENT_T[freedom - 1] ?? STUDENT_T.at(-1)!;
  const least = 1e-9 * Math.abs(meanValue);
  const isClear = freedom > 0 && Math.abs(slope) * Math.sqrt(spread) > least &&
    slope ** 2 * spread * freedom > needed ** 2 * scatter;
  return { slope, isClear };
}
