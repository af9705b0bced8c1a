/** How long a file sounds. */
export interface Length {
  seconds: number;
  /** What it is never longer than, whatever decodes it. */
  most_s: number;
}

/**
 * Tells a file's length from what is in it that sounds, never from what a header states of it: a header is what somebody
 * wrote, and a provider bills what it decodes. Undefined where that cannot be told; a `RangeError` where offsets lead out of
 * the file says the same.
 */
export type Measure = (view: DataView) => Length | undefined;

/** A length that was counted; undefined where there is nothing to count. */
export function counted(seconds: number): Length | undefined {
  return seconds > 0 ? { seconds, most_s: seconds } : undefined;
}

/** Opus' lowest rate, below what any of the formats is used at: what nothing tells of is at most so long. */
const LOWEST_BITS_PER_SECOND = 6_000;

/** What a part of a file is never longer than whose length nothing tells. */
export function boundOf(bytes: number): number {
  return bytes * 8 / LOWEST_BITS_PER_SECOND;
}

/**
 * The longest of several tracks, any of which may be the one that is heard. Some of a file of these bytes may tell nothing;
 * undefined where all do.
 */
export function longest(lengths: (Length | undefined)[], bytes: number): Length | undefined {
  const known = lengths.filter((length) => length !== undefined);
  if (known.length === 0) return undefined;
  return {
    seconds: Math.max(...known.map(({ seconds }) => seconds)),
    most_s: Math.max(
      ...known.map(({ most_s }) => most_s),
      known.length < lengths.length ? boundOf(bytes) : 0,
    ),
  };
}
