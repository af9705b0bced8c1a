/** The length of a file's sound. */
export interface Length {
  seconds: number;
  /** The upper bound for any decoder. */
  most_s: number;
}

/**
 * Measures a file's length by its audio data, never by the length in its header: a header may lie, and a provider
 * bills what it decodes. Undefined if the length cannot be measured; a `RangeError` (offsets that lead out of the
 * file) means the same.
 */
export type Measure = (view: DataView) => Length | undefined;

/** A counted length; undefined if there is nothing to count. */
export function counted(seconds: number): Length | undefined {
  return seconds > 0 ? { seconds, most_s: seconds } : undefined;
}

/**
 * The lowest rate of Opus, lower than any format is used at. It bounds the length of data that cannot be measured.
 */
const LOWEST_BITS_PER_SECOND = 6_000;

/** The upper bound for a part of a file that cannot be measured. */
export function boundOf(bytes: number): number {
  return bytes * 8 / LOWEST_BITS_PER_SECOND;
}

/**
 * The longest of several tracks, any of which a provider may transcribe. Some tracks may not be measurable; undefined
 * if none is.
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
