/** A part of a recording, in seconds from its beginning, and what is said in it. */
export interface Segment {
  start_s: number;
  end_s: number;
  text: string;
}

/**
 * The segments with text, ordered by start. Transcription models sometimes return times beyond the end, or in the
 * wrong order: these are moved into the recording, and a segment never ends before it starts.
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
