import type { Length } from "./length.ts";
import type { Codec } from "./packets.ts";
import { textAt } from "./reading.ts";

const KBITS = {
  mpeg1: [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  mpeg2: [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
};
const RATES = [44_100, 48_000, 32_000];
/** By the version bits of the header: 2.5, none, 2, 1. */
const RATE_DIVISORS = [4, 0, 2, 1];
const LOWEST_BITS_PER_SECOND = 8_000;

/** One frame of layer III; undefined if none begins here. */
function frameAt(view: DataView, at: number, end: number): { bytes: number; seconds: number } | undefined {
  if (at + 4 > end) return undefined;
  const header = view.getUint32(at);
  if (header >>> 21 !== 0x7ff || (header >>> 17 & 3) !== 1) return undefined;
  const version = header >>> 19 & 3;
  const isMpeg1 = version === 3;
  const kbits = KBITS[isMpeg1 ? "mpeg1" : "mpeg2"][header >>> 12 & 15];
  const rate = (RATES[header >>> 10 & 3] ?? 0) / RATE_DIVISORS[version]!;
  if (!kbits || !rate || rate === Infinity) return undefined;
  const samples = isMpeg1 ? 1_152 : 576;
  return {
    bytes: Math.floor(samples / 8 * kbits * 1_000 / rate) + (header >>> 9 & 1),
    seconds: samples / rate,
  };
}

/** Counts every frame, since a Xing header may lie. */
export function mp3Length(view: DataView): Length | undefined {
  const tagBytes = textAt(view, 0, 3) === "ID3" ? 10 + syncsafe(view, 6) : 0;
  const { seconds, otherBytes } = sumOfFrames(view, tagBytes, view.byteLength);
  if (seconds === 0) return undefined;
  // A decoder may find frames where we see none, but at no lower rate.
  return { seconds, most_s: seconds + otherBytes * 8 / LOWEST_BITS_PER_SECOND };
}

export const mp3: Codec = {
  isReadWhole: true,
  packetSeconds: (view, at, bytes) => sumOfFrames(view, at, Math.min(at + bytes, view.byteLength)).seconds,
};

function sumOfFrames(view: DataView, from: number, to: number): { seconds: number; otherBytes: number } {
  let seconds = 0;
  let otherBytes = 0;
  let isInStep = false;
  for (let at = from; at + 4 <= to;) {
    const frame = frameAt(view, at, to);
    // Bytes that only look like a frame are not followed by another frame.
    const end = at + (frame?.bytes ?? 0);
    if (frame && (isInStep || end >= to || frameAt(view, end, to))) {
      seconds += frame.seconds;
      at = end;
      isInStep = true;
    } else {
      at += 1;
      otherBytes += 1;
      isInStep = false;
    }
  }
  return { seconds, otherBytes };
}

/** A length in ID3: seven bits in each of four bytes. */
function syncsafe(view: DataView, at: number): number {
  return [0, 1, 2, 3].reduce((value, index) => value * 128 + (view.getUint8(at + index) & 127), 0);
}
