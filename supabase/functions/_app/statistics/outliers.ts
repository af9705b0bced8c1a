const MANY_ENOUGH = 5;
const CUT_OFF = 3.5;
/** What makes the median, or else the mean, absolute deviation comparable to a standard deviation. */
const PER_MEDIAN_DEVIATION = 0.6745;
const PER_MEAN_DEVIATION = 1 / 1.253314;

/** The middle value; the mean of the two middle ones where there are two. */
export function median(values: number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/**
 * Which values lie too far from the others: those whose modified z-score is above 3.5, by the median absolute
 * deviation, or by the mean one where more than half of the values are the same. None of fewer than five values.
 * Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993.
 * https://www.itl.nist.gov/div898/handbook/eda/section3/eda35h.htm
 */
export function areOutliers(values: number[]): boolean[] {
  if (values.length < MANY_ENOUGH) return values.map(() => false);
  const center = median(values);
  const deviations = values.map((value) => Math.abs(value - center));
  // Differences that only rounding makes are none.
  const least = 1e-9 * Math.max(...values.map(Math.abs));
  const medianDeviation = median(deviations);
  const meanDeviation = deviations.reduce((sum, one) => sum + one, 0) / values.length;
  const [factor, spread] = medianDeviation > least
    ? [PER_MEDIAN_DEVIATION, medianDeviation]
    : [PER_MEAN_DEVIATION, meanDeviation];
  // The quotient first: the reciprocal of the smallest spreads is infinite.
  return deviations.map((deviation) => spread > least && deviation / spread * factor > CUT_OFF);
}
