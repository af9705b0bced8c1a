import { counted, type Length } from "./length.ts";
import type { Codec } from "./packets.ts";

const MAGIC_BYTES = 4;
const STREAMINFO = 0;
/** Where the rate is in STREAMINFO. */
const RATE_AT = 10;
const RATES = [
  ...[0, 88_200, 176_400, 192_000, 8_000, 16_000, 22_050, 24_000],
  ...[32_000, 44_100, 48_000, 96_000],
];

/** FLAC, with the rate of its STREAMINFO for frames without one. https://www.rfc-editor.org/info/rfc9639 */
export function flac(view: DataView, streamInfo: number): Codec {
  const rate = view.getUint32(streamInfo + RATE_AT) >>> 12;
  return {
    isSearched: true,
    isReadWhole: true,
    packetSeconds: (view, at, bytes) => sumOfFrames(view, at, at + bytes, rate),
  };
}

/** The sum of all frames: a streaming encoder cannot write the total into the header. */
export function flacLength(view: DataView): Length | undefined {
  let at = MAGIC_BYTES;
  let rate = 0;
  for (let isLast = false; !isLast;) {
    const head = view.getUint32(at);
    isLast = head >>> 31 === 1;
    if ((head >>> 24 & 127) === STREAMINFO) rate = view.getUint32(at + 4 + RATE_AT) >>> 12;
    at += 4 + (head & 0xffffff);
  }
  return counted(sumOfFrames(view, at, view.byteLength, rate));
}

function sumOfFrames(view: DataView, from: number, to: number, rate: number): number {
  let seconds = 0;
  for (let at = from; at < to; at++) {
    if (view.getUint8(at) === 0xff) seconds += frameSeconds(view, at, rate);
  }
  return seconds;
}

/** The length of the frame that begins here; 0 if none does, by the header's checksum. */
function frameSeconds(view: DataView, at: number, streamRate: number): number {
  if (at + 6 > view.byteLength || (view.getUint16(at) & 0xfffe) !== 0xfff8) return 0;
  const [sizes, form] = [view.getUint8(at + 2), view.getUint8(at + 3)];
  const [blockCode, rateCode] = [sizes >> 4, sizes & 15];
  const isKnown = blockCode !== 0 && rateCode !== 15 && form >> 4 <= 10 && (form >> 1 & 7) !== 3 &&
    !(form & 1);
  const numberBytes = Math.clz32(~(view.getUint8(at + 4) << 24));
  if (!isKnown || numberBytes === 1 || numberBytes > 7) return 0;
  const blockAt = at + 4 + Math.max(1, numberBytes);
  const rateAt = blockAt + (blockCode === 6 ? 1 : blockCode === 7 ? 2 : 0);
  const end = rateAt + (rateCode === 12 ? 1 : rateCode > 12 ? 2 : 0);
  if (end >= view.byteLength || checksum(view, at, end) !== view.getUint8(end)) return 0;
  const rate = rateAtCode(view, rateAt, rateCode) ?? streamRate;
  return rate > 0 ? blockSamples(view, blockAt, blockCode) / rate : 0;
}

function blockSamples(view: DataView, at: number, code: number): number {
  if (code === 1) return 192;
  if (code === 6) return view.getUint8(at) + 1;
  if (code === 7) return view.getUint16(at) + 1;
  return code < 6 ? 576 << (code - 2) : 256 << (code - 8);
}

function rateAtCode(view: DataView, at: number, code: number): number | undefined {
  if (code === 12) return view.getUint8(at) * 1_000;
  if (code > 12) return view.getUint16(at) * (code === 14 ? 10 : 1);
  return RATES[code] || undefined;
}

/** CRC-8 with the polynomial x⁸ + x² + x + 1. */
function checksum(view: DataView, from: number, to: number): number {
  let value = 0;
  for (let at = from; at < to; at++) {
    value ^= view.getUint8(at);
    for (let bit = 0; bit < 8; bit++) value = (value << 1 ^ (value & 128 ? 7 : 0)) & 255;
  }
  return value;
}
