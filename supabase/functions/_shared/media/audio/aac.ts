import { boundOf } from "./length.ts";
import type { Codec } from "./packets.ts";

const RATES = [
  ...[96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000],
  ...[22_050, 16_000, 12_000, 11_025, 8_000, 7_350],
];
/** Main, LC, and LC with more in the high tones (HE-AAC), which doubles the samples and the rate. */
const USUAL = [1, 2, 5, 29];
/** With low delay. */
const HALVED = [23, 39];

/** Twice the largest frame. */
const MAX_CHANNEL_BYTES = 2 * 768;

/** AAC by its AudioSpecificConfig, from which decoders take the rate. ISO 14496-3, 1.6.2.1 */
export function aac(view: DataView, at: number, bytes: number): Codec | undefined {
  let place = 0;
  const read = (bits: number) => {
    let value = 0;
    for (; bits > 0; bits--, place++) {
      if (place >= bytes * 8) throw new RangeError("no AudioSpecificConfig");
      value = value * 2 + (view.getUint8(at + (place >> 3)) >> (7 - (place & 7)) & 1);
    }
    return value;
  };
  const readType = () => {
    const type = read(5);
    return type === 31 ? 32 + read(6) : type;
  };
  const readRate = () => {
    const index = read(4);
    return index === 15 ? read(24) : RATES[index] ?? 0;
  };
  const type = readType();
  const rate = readRate();
  const channels = read(4);
  if (type === 5 || type === 29) {
    readRate();
    readType();
  }
  const isShort = read(1) === 1;
  const half = isShort ? 480 : 512;
  const samples = USUAL.includes(type) ? 2 * half : HALVED.includes(type) ? half : 0;
  if (rate === 0 || samples === 0) return undefined;
  const seconds = samples / rate;
  const maxBytes = MAX_CHANNEL_BYTES * (channels === 0 || channels > 6 ? 8 : channels);
  return {
    isEven: true,
    // Decoders continue after the first frame of a packet: a packet that is too large has several.
    packetSeconds: (_view, _at, bytes) => bytes <= maxBytes ? seconds : boundOf(bytes),
  };
}
