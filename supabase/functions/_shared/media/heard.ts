import type { Recording } from "./audio.ts";

/** Whisper hears in windows of 30 s, and some servers report how many they were instead of the recording's length. */
const WINDOW_S = 30;

/** How long a recording was for whoever heard it. */
export interface Heard {
  /** Of the recording; undefined where nobody knows. */
  duration_s: number | undefined;
  /** Whole seconds to be paid for. */
  seconds: number;
  /** Whether the provider heard, and bills, more than the file says that there is. */
  isLonger: boolean;
}

/**
 * How long a recording is, by what the provider reports and what its file says. The provider decoded it all, and a file's
 * own headers are only what somebody wrote: what it heard counts. But plain samples can be counted, and a last window is
 * often reported as a whole one: neither is held against the caller, who then pays for what the file says.
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
