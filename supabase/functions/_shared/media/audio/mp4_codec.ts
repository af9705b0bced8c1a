import { aac } from "./aac.ts";
import { alac } from "./alac.ts";
import { amr } from "./amr.ts";
import { flac } from "./flac.ts";
import { mp3 } from "./mp3.ts";
import { type Box, boxesIn, findBox, type Range } from "./mp4_boxes.ts";
import { opus } from "./opus.ts";
import type { Codec } from "./packets.ts";
import { pcm } from "./pcm.ts";
import { textAt } from "./reading.ts";

/** Bytes of a PCM sample, by QuickTime's codec names; 0 if another field has the size. */
const PLAIN: Record<string, number> = {
  "sowt": 2,
  "twos": 2,
  "in24": 3,
  "in32": 4,
  "fl32": 4,
  "fl64": 8,
  "ulaw": 1,
  "alaw": 1,
  "raw ": 0,
  "lpcm": 0,
};
/** Bytes of a description's fields before its boxes, by version; the last two are QuickTime's. */
const FIELD_BYTES = [28, 44, 64];
/** The audio types in an MPEG-4 descriptor. */
const [AAC, MP3] = [[0x40, 0x66, 0x67, 0x68], [0x69, 0x6b]];
const [ES_DESCRIPTOR, DECODER_CONFIG, DECODER_SPECIFIC] = [3, 4, 5];

/** The codec of a track by its sample description, `stsd`; undefined if there are several or it is unknown. */
export function codecOf(view: DataView, description: Box): Codec | undefined {
  if (view.getUint32(description.start + 4) !== 1) return undefined;
  const entry = boxesIn(view, { ...description, start: description.start + 8 }).next().value;
  if (!entry) return undefined;
  const name = textAt(view, entry.at + 4, 4);
  const version = view.getUint16(entry.start + 8);
  const inner = { start: entry.start + (FIELD_BYTES[version] ?? 28), end: entry.end };
  const config = (box: string) =>
    findBox(view, inner, box) ?? findBox(view, inner, "wave", box) ??
      findBox(view, { ...inner, start: entry.start + 28 }, box);
  switch (name) {
    case "mp4a":
      return mpeg4Codec(view, config("esds"));
    case ".mp3":
      return mp3;
    case "Opus":
      return opus;
    case "fLaC": {
      const blocks = config("dfLa");
      return blocks && flac(view, blocks.start + 8);
    }
    case "alac": {
      const cookie = config("alac");
      return cookie && alac(view, cookie.start + 4);
    }
    case "samr":
      return amr({ isWide: false });
    case "sawb":
      return amr({ isWide: true });
    default:
      return plainCodec(view, name, entry.start, version);
  }
}

function plainCodec(view: DataView, name: string, at: number, version: number): Codec | undefined {
  const bytes = PLAIN[name];
  if (bytes === undefined) return undefined;
  if (version === 2) {
    const bits = view.getUint32(at + 48);
    return pcm({
      rate: view.getFloat64(at + 32),
      channels: view.getUint32(at + 40),
      sampleBytes: bytes || Math.ceil(bits / 8),
    });
  }
  const [channels, bits, rate] = [
    view.getUint16(at + 16),
    view.getUint16(at + 18),
    view.getUint32(at + 24) / 65_536,
  ];
  return pcm({ rate, channels, sampleBytes: bytes || Math.ceil(bits / 8) });
}

/** The codec in the descriptor of `esds`. ISO 14496-1, 7.2.6 */
function mpeg4Codec(view: DataView, esds: Box | undefined): Codec | undefined {
  if (esds === undefined) return undefined;
  const stream = descriptorIn(view, { ...esds, start: esds.start + 4 }, ES_DESCRIPTOR);
  if (stream === undefined) return undefined;
  const flags = view.getUint8(stream.start + 2);
  let at = stream.start + 3;
  if (flags & 0x80) at += 2;
  if (flags & 0x40) at += 1 + view.getUint8(at);
  if (flags & 0x20) at += 2;
  const decoder = descriptorIn(view, { start: at, end: stream.end }, DECODER_CONFIG);
  if (decoder === undefined) return undefined;
  const kind = view.getUint8(decoder.start);
  if (MP3.includes(kind)) return mp3;
  const specific = descriptorIn(view, { start: decoder.start + 13, end: decoder.end }, DECODER_SPECIFIC);
  return AAC.includes(kind) && specific
    ? aac(view, specific.start, specific.end - specific.start)
    : undefined;
}

function descriptorIn(view: DataView, { start, end }: Range, tag: number): Range | undefined {
  for (let at = start; at + 2 <= end;) {
    const isFound = view.getUint8(at++) === tag;
    let length = 0;
    for (let more = 1, digits = 0; more && digits < 4; digits++) {
      const byte = view.getUint8(at++);
      length = length * 128 + (byte & 127);
      more = byte & 128;
    }
    if (isFound) return { start: at, end: Math.min(at + length, end) };
    at += length;
  }
  return undefined;
}
