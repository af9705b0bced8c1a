const MANY_ENOUGH = 5;
const CUT_OFF = 3.5;
/** The factors that scale the median (or mean) absolute deviation to a standard deviation. */
const PER_MEDIAN_DEVIATION = 0.6745;
const PER_MEAN_DEVIATION = 1 / 1.253314;

/** The middle value; with an even count, the mean of the two middle ones. */
export function median(values: number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/**
 * Which values are outliers: their modified z-score is above 3.5. It uses the median absolute deviation, or the mean
 * one if more than half of the values are equal. Fewer than five values have no outliers. Iglewicz and Hoaglin, How
 * to Detect and Handle Outliers, 1993. https://www.itl.nist.gov/div898/handbook/eda/section3/eda35h.htm
 */
export function areOutliers(values: number[]): boolean[] {
  if (values.length < MANY_ENOUGH) return values.map(() => false);
  const center = median(values);
  const deviations = values.map((value) => Math.abs(value - center));
  // Differences caused only by rounding do not count.
  const least = 1e-9 * Math.max(...values.map(Math.abs));
  const medianDeviation = median(deviations);
  const meanDeviation = deviations.reduce((sum, one) => sum + one, 0) / values.length;
  const [factor, spread] = medianDeviation > least
    ? [PER_MEDIAN_DEVIATION, medianDeviation]
    : [PER_MEAN_DEVIATION, meanDeviation];
  // Divide first: the reciprocal of the smallest spreads is infinite.
  return deviations.map((deviation) => spread > least && deviation / spread * factor > CUT_OFF);
}
