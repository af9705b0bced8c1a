/** A percentile of the values. */
export function quantile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
}

/** The median, which a single disturbed round does not move. */
export function median(values: number[]): number {
  return quantile(values, 0.5);
}

/** Compares a side with the reference round by round, so that load which slows both cancels out. */
export interface Ratio {
  median: number;
  low: number;
  high: number;
}

/** The ratio of matching rounds: median and interquartile range. */
export function ratioOf(values: number[], references: number[]): Ratio {
  const ratios = values.map((value, index) => value / references[index]!);
  return { median: median(ratios), low: quantile(ratios, 0.25), high: quantile(ratios, 0.75) };
}
