import type { Recording } from "./audio.ts";

/**
 * Whisper processes windows of 30 s, and some servers report the sum of these windows instead of the recording's
 * length.
 */
const WINDOW_S = 30;

/** The length of a recording as it was transcribed. */
export interface Heard {
  /** The recording's length; undefined if unknown. */
  duration_s: number | undefined;
  /** Whole seconds to charge. */
  seconds: number;
  /** Whether the provider decoded, and bills, more than the file's headers say. */
  isLonger: boolean;
}

/**
 * The length of a recording, from the provider's report and from the file. The provider's report counts, as it
 * decoded everything and a file's headers may be wrong. There are two exceptions in the caller's favour, where the
 * file counts: plain samples can be counted exactly, and a last window is often reported as a full one.
 */
export function heardOf(
  content: Pick<Recording["content"], "mediaType" | "duration_s" | "max_duration_s">,
  reported_s: number | undefined,
): Heard {
  const { duration_s: measured_s, max_duration_s: most_s } = content;
  const duration_s = reported_s ?? measured_s;
  const seconds = Math.ceil(duration_s ?? most_s);
  if (seconds <= most_s) return { duration_s, seconds, isLonger: false };
  const isCertain = content.mediaType === "audio/wav" && measured_s !== undefined;
  const isWindow = seconds % WINDOW_S === 0 && seconds - most_s < WINDOW_S;
  if (!isCertain && !isWindow) return { duration_s, seconds, isLonger: true };
  return { duration_s: measured_s, seconds: Math.ceil(measured_s ?? most_s), isLonger: false };
}
