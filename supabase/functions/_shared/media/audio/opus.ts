import type { Codec } from "./packets.ts";

/** Milliseconds of a frame by the configuration's number: SILK, hybrid and CELT. */
const FRAME_MS = [
  ...[10, 20, 40, 60, 10, 20, 40, 60, 10, 20, 40, 60],
  ...[10, 20, 10, 20],
  ...[2.5, 5, 10, 20, 2.5, 5, 10, 20, 2.5, 5, 10, 20, 2.5, 5, 10, 20],
];
/** The longest packet. */
const MAX_SECONDS = 0.12;

/** The length of an Opus packet by its first byte, as decoders compute it. https://www.rfc-editor.org/info/rfc6716 */
function packetSeconds(view: DataView, at: number, bytes: number): number {
  if (bytes === 0) return 0;
  const head = view.getUint8(at);
  const code = head & 3;
  const frames = code === 0 ? 1 : code < 3 ? 2 : bytes > 1 ? view.getUint8(at + 1) & 63 : 0;
  return Math.min(frames * FRAME_MS[head >> 3]! / 1_000, MAX_SECONDS);
}

export const opus: Codec = { packetSeconds };
