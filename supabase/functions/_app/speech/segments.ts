/** A stretch of a recording, in seconds from its beginning, and what is said there. */
export interface Segment {
  start_s: number;
  end_s: number;
  text: string;
}

/**
 * The segments that say something, by their beginnings. Models that write down what they hear now and then give times
 * beyond the end, or backwards: those are brought into the recording, and each ends no sooner than it starts.
 */
export function inOrder(segments: Segment[], duration_s: number): Segment[] {
  const inside = (seconds: number) => Math.min(Math.max(Math.round(seconds * 100) / 100, 0), duration_s);
  return segments
    .filter(({ text }) => text !== "")
    .map(({ start_s, end_s, text }) => {
      const start = inside(start_s);
      return { start_s: start, end_s: Math.max(start, inside(end_s)), text };
    })
    .toSorted((one, other) => one.start_s - other.start_s);
}
