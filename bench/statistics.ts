/** The value below which a share of the values lies. */
export function quantile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
}

/** The middle value, which one disturbed round does not move. */
export function median(values: number[]): number {
  return quantile(values, 0.5);
}

/** A side against the reference, round by round, so that what slows both at the same time cancels out. */
export interface Ratio {
  median: number;
  low: number;
  high: number;
}

/** The ratio of the rounds that belong together: median and the middle half. */
export function ratioOf(values: number[], references: number[]): Ratio {
  const ratios = values.map((value, index) => value / references[index]!);
  return { median: median(ratios), low: quantile(ratios, 0.25), high: quantile(ratios, 0.75) };
}
