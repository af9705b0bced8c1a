/** One slider of a body model. */
export interface Morph {
  key: string;
  value: number;
  min: number;
  max: number;
}

export interface RefinedMorph extends Morph {
  /** What the value was before. */
  previous: number;
  change: number;
  /** Whether what was proposed lay outside of the bounds and was moved to the nearest. */
  clamped: boolean;
}

const DECIMALS = 10_000;

/** The morphs with proposed values: every one of them once, in its order, always inside its bounds. The first proposal for a key counts. */
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
