/** One slider of a body model. */
export interface Morph {
  key: string;
  value: number;
  min: number;
  max: number;
}

export interface RefinedMorph extends Morph {
  /** The previous value. */
  previous: number;
  change: number;
  /** Whether the proposed value was out of bounds and was moved to the nearest bound. */
  clamped: boolean;
}

const DECIMALS = 10_000;

/**
 * The morphs with proposed values: every morph once, in order, always within its bounds. Only the first proposal for
 * a key counts.
 */
export function refine(morphs: Morph[], proposals: { key: string; value: number }[]): RefinedMorph[] {
  const byKey = new Map(proposals.toReversed().map(({ key, value }) => [key, value]));
  return morphs.map(({ key, value: previous, min, max }) => {
    const proposed = byKey.get(key) ?? previous;
    const value = clamp(Math.round(proposed * DECIMALS) / DECIMALS, min, max);
    return {
      key,
      value,
      min,
      max,
      previous,
      change: Math.round((value - previous) * DECIMALS) / DECIMALS,
      clamped: proposed < min || proposed > max,
    };
  });
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, value));
}
