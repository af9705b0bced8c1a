import { aac } from "./aac.ts";
import { alac } from "./alac.ts";
import { flac } from "./flac.ts";
import { mp3 } from "./mp3.ts";
import { opus } from "./opus.ts";
import { type Codec, Packets } from "./packets.ts";
import { pcm } from "./pcm.ts";
import { textAt } from "./reading.ts";
import { vorbis } from "./vorbis.ts";
import { childrenOf, ELEMENT, type Element, floatOf, integerOf } from "./webm_elements.ts";

const AUDIO = 2;
/** Where STREAMINFO is in FLAC's private data, after its mark and header. */
const FLAC_STREAMINFO_AT = 8;

export interface Track {
  number: number;
  /** Undefined if its packets cannot be measured. */
  packets: Packets | undefined;
}

/** An audio track; undefined for other tracks. */
export function trackOf(view: DataView, element: Element): Track | undefined {
  const found = new Map<number, Element>();
  for (const child of childrenOf(view, element)) found.set(child.id, child);
  const integer = (id: number) => found.has(id) ? integerOf(view, found.get(id)!) : undefined;
  if (integer(ELEMENT.trackType) !== AUDIO) return undefined;
  const audio = found.get(ELEMENT.audio);
  // Encrypted or compressed packets cannot be measured.
  const codec = found.has(ELEMENT.encodings) ? undefined : codecOf(view, {
    name: nameOf(view, found.get(ELEMENT.codec)),
    config: found.get(ELEMENT.codecPrivate),
    ...audio && formOf(view, audio),
  });
  return { number: integer(ELEMENT.trackNumber) ?? 0, packets: codec && new Packets(codec) };
}

interface Sound {
  name: string;
  config: Element | undefined;
  rate?: number;
  channels?: number;
  bits?: number;
}

function codecOf(view: DataView, { name, config, rate = 8_000, channels = 1, bits = 0 }: Sound) {
  if (name === "A_OPUS") return opus;
  if (name === "A_MPEG/L3") return mp3;
  if (name.startsWith("A_PCM/")) return pcm({ rate, channels, sampleBytes: Math.ceil(bits / 8) });
  if (config === undefined) return undefined;
  const { start, end } = config;
  if (name === "A_AAC") return aac(view, start, end - start);
  if (name === "A_ALAC") return alac(view, start);
  if (name === "A_FLAC") return flac(view, start + FLAC_STREAMINFO_AT);
  return name === "A_VORBIS" ? vorbisIn(view, start) : undefined;
}

function nameOf(view: DataView, codec: Element | undefined): string {
  if (codec === undefined || codec.end > view.byteLength || codec.end - codec.start > 100) return "";
  return textAt(view, codec.start, codec.end - codec.start).replace(/\0+$/, "");
}

function formOf(view: DataView, audio: Element): Pick<Sound, "rate" | "channels" | "bits"> {
  const form: Pick<Sound, "rate" | "channels" | "bits"> = {};
  for (const child of childrenOf(view, audio)) {
    if (child.id === ELEMENT.samplingFrequency) form.rate = floatOf(view, child);
    if (child.id === ELEMENT.channels) form.channels = integerOf(view, child);
    if (child.id === ELEMENT.bitDepth) form.bits = integerOf(view, child);
  }
  return form;
}

/** Three headers after the lengths of the first two, each length written as a sum of bytes. */
function vorbisIn(view: DataView, start: number): Codec | undefined {
  let at = start + 1;
  for (let header = 0; header < 2; header++) {
    while (view.getUint8(at) === 255) at++;
    at++;
  }
  return vorbis(view, at);
}
