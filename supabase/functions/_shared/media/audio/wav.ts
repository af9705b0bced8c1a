import { isAct, isDisguised } from "./disguise.ts";
import { counted, type Length } from "./length.ts";
import { tagOf } from "./reading.ts";

const [FORMAT, DATA] = [tagOf("fmt "), tagOf("data")];
/** The real format follows. */
const EXTENSIBLE = 0xfffe;
/** Four bits per sample; the rest of a block is small. */
const ADPCM = [2, 0x11];

/** Decoders look for other sound only in samples of this size. */
const DISGUISE_BYTES = 2;

/**
 * RIFF's chunks: `fmt ` gives the bytes per second, each `data` has a part of the sound. Undefined for a file that only
 * claims to be WAV.
 */
export function wavLength(view: DataView): Length | undefined {
  const { length, sampleBytes } = statedOf(view);
  const isOther = isAct(view) || sampleBytes === DISGUISE_BYTES && isDisguised(view, 12, view.byteLength);
  return isOther ? undefined : length;
}

interface Stated {
  length: Length | undefined;
  sampleBytes: number | undefined;
}

function statedOf(view: DataView): Stated {
  let form: Form | undefined;
  let dataBytes = 0;
  for (let at = 12; at + 8 <= view.byteLength;) {
    const [id, length] = [view.getUint32(at), view.getUint32(at + 4, true)];
    // Decoders use the first of several formats, or none.
    if (id === FORMAT) form ??= formAt(view, at + 8);
    if (id === DATA) {
      const left = view.byteLength - at - 8;
      // Streaming encoders write 0 or 0xffffffff as the length.
      if (length === 0 || length > left) return statedBy(form, dataBytes + left);
      dataBytes += length;
    }
    at += 8 + length + length % 2;
  }
  return statedBy(form, dataBytes);
}

function statedBy(form: Form | undefined, dataBytes: number): Stated {
  const length = form?.bytesPerSecond ? counted(dataBytes / form.bytesPerSecond) : undefined;
  return { length, sampleBytes: form?.sampleBytes };
}

interface Form {
  sampleBytes: number;
  bytesPerSecond: number;
}

function formAt(view: DataView, at: number): Form {
  const [tag, channels, rate, bits] = [
    view.getUint16(at, true),
    view.getUint16(at + 2, true),
    view.getUint32(at + 4, true),
    view.getUint16(at + 14, true),
  ];
  const sampleBytes = sampleBytesOf(tag === EXTENSIBLE ? view.getUint16(at + 24, true) : tag, bits);
  return { sampleBytes, bytesPerSecond: channels * rate * sampleBytes };
}

/** The bytes of a sample as decoders compute them; 0 if unknown. */
function sampleBytesOf(tag: number, bits: number): number {
  if (tag === 1 && bits <= 64) return Math.ceil(bits / 8);
  if (tag === 3 && (bits === 32 || bits === 64)) return bits / 8;
  if (tag === 6 || tag === 7) return 1; // A-law and µ-law, whatever the header says.
  return ADPCM.includes(tag) && bits === 4 ? 0.5 : 0;
}
