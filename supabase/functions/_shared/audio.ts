import { createHash } from "node:crypto";
import { z } from "zod";

import { isUploadedPath } from "./inputs.ts";
import { packetSeconds } from "./opus.ts";
import { hintOf } from "./spoken_languages.ts";

/** How the recordings begin that are taken, with the name that a provider knows each by. */
const SIGNATURES: [RegExp, mediaType: string, extension: string, measure: Measure][] = [
  [/^RIFF[^]{4}WAVE/, "audio/wav", "wav", wavSeconds],
  [/^(?:ID3|\xff[\xe2\xe3\xf2\xf3\xfa\xfb])/, "audio/mpeg", "mp3", mp3Seconds],
  [/^[^]{4}ftyp/, "audio/mp4", "m4a", mp4Seconds],
  [/^[^]E\xdf\xa3/, "audio/webm", "webm", webmSeconds],
  [/^OggS/, "audio/ogg", "ogg", oggSeconds],
];

/** Seconds of sound in a file; undefined where it does not say. */
type Measure = (view: DataView) => number | undefined;

/** The language of a recording, a hint for the model: `fr`, or what phones call it, such as `nb` or `pt-BR`. */
export const SpokenLanguage = z.string().max(35)
  .regex(/^[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{1,8})*$/, "Expected a language code like en")
  .transform((tag, context) => {
    const hint = hintOf(tag);
    if (hint === undefined) {
      context.addIssue("No model writes down this language; leave it out to let the model tell it");
    }
    return hint ?? z.NEVER;
  });

/** What OpenAI takes in one request. https://platform.openai.com/docs/guides/speech-to-text */
export const RECORDING_BYTES = 25 * 1024 * 1024;
/** Room for one recording and a few words around it in a multipart body. */
export const RECORDING_BODY_BYTES = RECORDING_BYTES + 64 * 1024;

/** Opus' lowest rate, below what any of the formats is used at: a file whose length is unknown is at most so long. */
const LOWEST_BITS_PER_SECOND = 6_000;
/** Opus' highest rate. Where only a header tells the length it is a claim, and a file is at least so long. */
const HIGHEST_BITS_PER_SECOND = 512_000;
/** A day: what a header claims beyond is no recording's length. */
const MOST_SECONDS = 86_400;
/** Decoders add a part of a second at the ends. */
const PADDING_S = 1;

/** What a file is, told from its first bytes; undefined when it is no recording that we know. */
export function audioType(bytes: Uint8Array): string | undefined {
  return signatureOf(bytes)?.[1];
}

function signatureOf(bytes: Uint8Array) {
  const start = String.fromCharCode(...bytes.subarray(0, 12));
  return SIGNATURES.find(([signature]) => signature.test(start));
}

/** A recording in an input: its type and length as its bytes tell them, whatever the client says. */
export class Recording {
  #content: Content | undefined;
  #digest: string | undefined;

  private constructor(
    /** In Storage, where it is read from before `run`. */
    readonly path: string | undefined,
    readonly mostSeconds: number,
  ) {}

  static of(bytes: Uint8Array<ArrayBuffer>, mostSeconds = MOST_SECONDS): Recording {
    const recording = new Recording(undefined, mostSeconds);
    recording.fill(bytes);
    return recording;
  }

  static at(path: string, mostSeconds = MOST_SECONDS): Recording {
    return new Recording(path, mostSeconds);
  }

  /** Takes the bytes, or throws a `TypeError` with words for the caller. */
  fill(bytes: Uint8Array<ArrayBuffer>): void {
    const signature = signatureOf(bytes);
    if (signature === undefined) throw new TypeError("Expected a wav, mp3, m4a, webm or ogg recording");
    const [, mediaType, extension, measure] = signature;
    const seconds = measured(measure, bytes);
    const bound = Math.ceil(seconds ?? bytes.length * 8 / LOWEST_BITS_PER_SECOND) + PADDING_S;
    if ((seconds ?? bound) > this.mostSeconds) {
      throw new TypeError(`Expected a recording of at most ${this.mostSeconds} seconds`);
    }
    this.#content = {
      bytes,
      mediaType,
      fileName: `recording.${extension}`,
      duration_s: seconds,
      max_duration_s: bound,
    };
  }

  /** What is known of it once it was read. */
  get content(): Content {
    if (this.#content === undefined) throw new Error("Cannot use a recording that was not read");
    return this.#content;
  }

  /** Gives the memory back now; the next garbage collection may be many uploads away. */
  release(): void {
    this.#content?.bytes.buffer.transfer(0);
    this.#content = undefined;
  }

  /** What stands for it where requests are compared, and where text is counted; under its path a file never changes. */
  toJSON(): string {
    if (this.path !== undefined) return this.path;
    this.#digest ??= createHash("sha256").update(this.content.bytes).digest("base64url");
    return this.#digest;
  }
}

interface Content {
  bytes: Uint8Array<ArrayBuffer>;
  mediaType: string;
  /** Says the type, which is what providers go by. */
  fileName: string;
  /** As measured; undefined where the file does not tell. */
  duration_s: number | undefined;
  /** Whole seconds that it is never charged beyond. */
  max_duration_s: number;
}

/** A file with offsets that lead out of it is broken, and tells nothing. */
function measured(measure: Measure, bytes: Uint8Array): number | undefined {
  try {
    const seconds = measure(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    return seconds !== undefined && Number.isFinite(seconds) && seconds > 0 ? seconds : undefined;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/**
 * How a feature takes a recording, up to 25 MB: wav, mp3, m4a, webm or ogg, as its bytes say. Either as `file` in a multipart
 * body, or as the path of a file in the bucket `uploads`, which is read with the caller's own rights.
 */
export function recordingFields({ mostSeconds }: { mostSeconds?: number } = {}) {
  const file = z.instanceof(Uint8Array<ArrayBuffer>, { error: "Expected a file in a multipart body" })
    .meta({ type: "string", format: "binary" })
    .refine((bytes) => bytes.length <= RECORDING_BYTES, "Expected a recording of at most 25 MB")
    .transform((bytes, context) => {
      try {
        return Recording.of(bytes, mostSeconds);
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
        context.addIssue(error.message);
        return z.NEVER;
      }
    });
  const storage_path = z.string().max(500)
    .refine(isUploadedPath, "Expected a path like uploads/<your id>/voice.m4a")
    .transform((path) => Recording.at(path, mostSeconds));
  return { file: file.optional(), storage_path: storage_path.optional() };
}

function textAt(view: DataView, at: number, length: number): string {
  return String.fromCharCode(...new Uint8Array(view.buffer, view.byteOffset + at, length));
}

/** A length that a header claims, never less than the file's size allows. */
function claimed(seconds: number, view: DataView): number {
  return Math.max(seconds, view.byteLength * 8 / HIGHEST_BITS_PER_SECOND);
}

/** Samples that are stored as they are: PCM, floats, A-law and µ-law; the last is the extensible form of them. */
const PLAIN_SAMPLES = [1, 3, 6, 7, 0xfffe];

/** RIFF's chunks: `fmt ` says how many bytes are a second, `data` how many there are. */
function wavSeconds(view: DataView): number | undefined {
  let bytesPerSecond: number | undefined;
  for (let at = 12; at + 8 <= view.byteLength;) {
    const [id, length] = [textAt(view, at, 4), view.getUint32(at + 4, true)];
    if (id === "fmt ") {
      if (!PLAIN_SAMPLES.includes(view.getUint16(at + 8, true))) return undefined;
      const [channels, rate] = [view.getUint16(at + 10, true), view.getUint32(at + 12, true)];
      bytesPerSecond = channels * rate * view.getUint16(at + 22, true) / 8;
    }
    if (id === "data") {
      const left = view.byteLength - at - 8;
      // Who writes as it records does not know the length: 0, or the largest number there is.
      const bytes = length === 0 || length > left ? left : length;
      return bytesPerSecond && bytes / bytesPerSecond;
    }
    at += 8 + length + length % 2;
  }
  return undefined;
}

const MP3_KBITS = {
  mpeg1: [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  mpeg2: [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
};
const MP3_RATES = [44_100, 48_000, 32_000];
/** By the header's two bits of the version: 2.5, none, 2, 1. */
const MP3_RATE_DIVISORS = [4, 0, 2, 1];

/** One frame of layer III; undefined where none begins. */
function mp3Frame(view: DataView, at: number): { bytes: number; seconds: number } | undefined {
  if (at + 4 > view.byteLength) return undefined;
  const header = view.getUint32(at);
  if (header >>> 21 !== 0x7ff || (header >>> 17 & 3) !== 1) return undefined;
  const version = header >>> 19 & 3;
  const isMpeg1 = version === 3;
  const kbits = MP3_KBITS[isMpeg1 ? "mpeg1" : "mpeg2"][header >>> 12 & 15];
  const rate = (MP3_RATES[header >>> 10 & 3] ?? 0) / MP3_RATE_DIVISORS[version]!;
  if (!kbits || !rate || rate === Infinity) return undefined;
  const samples = isMpeg1 ? 1_152 : 576;
  return {
    bytes: Math.floor(samples / 8 * kbits * 1_000 / rate) + (header >>> 9 & 1),
    seconds: samples / rate,
  };
}

/** Every frame counts, since a Xing header is only what somebody wrote. */
function mp3Seconds(view: DataView): number | undefined {
  let seconds = 0;
  let at = textAt(view, 0, 3) === "ID3" ? 10 + syncsafe(view, 6) : 0;
  let isInStep = false;
  while (at + 4 <= view.byteLength) {
    const frame = mp3Frame(view, at);
    // What only looks like a frame is followed by none.
    const end = at + (frame?.bytes ?? 0);
    if (frame && (isInStep || end >= view.byteLength || mp3Frame(view, end))) {
      seconds += frame.seconds;
      at = end;
      isInStep = true;
    } else {
      at += 1;
      isInStep = false;
    }
  }
  return seconds;
}

/** Seven bits of each of four bytes, as ID3 writes lengths. */
function syncsafe(view: DataView, at: number): number {
  return [0, 1, 2, 3].reduce((value, index) => value * 128 + (view.getUint8(at + index) & 127), 0);
}

/** The sum of an Opus stream's packets; for Vorbis the last position, which its pages state. RFC 3533, RFC 7845 */
function oggSeconds(view: DataView): number | undefined {
  let opusSeconds = 0;
  let vorbisRate = 0;
  const lastPositions = new Map<number, number>();
  for (let at = 0; at + 27 <= view.byteLength && textAt(view, at, 4) === "OggS";) {
    const isContinued = view.getUint8(at + 5) & 1;
    const position = Number(view.getBigInt64(at + 6, true));
    if (position > 0) lastPositions.set(view.getUint32(at + 14, true), position);
    const segments = view.getUint8(at + 26);
    let start = at + 27 + segments;
    let isStart = !isContinued;
    for (let index = 0; index < segments; index++) {
      const length = view.getUint8(at + 27 + index);
      if (isStart && length > 0) {
        const head = textAt(view, start, Math.min(8, length));
        if (head.startsWith("\x01vorbis")) vorbisRate = view.getUint32(start + 12, true);
        else if (!head.startsWith("Opus")) opusSeconds += packetSeconds(view, start, length);
      }
      isStart = length < 255;
      start += length;
    }
    at = start;
  }
  if (vorbisRate === 0) return opusSeconds;
  return claimed([...lastPositions.values()].reduce((sum, position) => sum + position, 0) / vorbisRate, view);
}

interface Box {
  type: string;
  start: number;
  end: number;
}

/** The boxes of ISO 14496-12 between two places. */
function* boxes(view: DataView, from: number, to: number): Generator<Box> {
  for (let at = from; at + 8 <= to;) {
    const short = view.getUint32(at);
    const isLong = short === 1;
    const length = isLong ? Number(view.getBigUint64(at + 8)) : short === 0 ? to - at : short;
    const headBytes = isLong ? 16 : 8;
    if (length < headBytes) return;
    yield { type: textAt(view, at + 4, 4), start: at + headBytes, end: Math.min(at + length, to) };
    at += length;
  }
}

/** What lies at a path of boxes. */
function findBox(
  view: DataView,
  { start, end }: Pick<Box, "start" | "end">,
  ...path: string[]
): Box | undefined {
  const [type, ...rest] = path;
  const found = boxes(view, start, end).find((box) => box.type === type);
  return found === undefined || rest.length === 0 ? found : findBox(view, found, ...rest);
}

/** The longest of the sound tracks, each the sum of its samples; a file in fragments does not tell. */
function mp4Seconds(view: DataView): number | undefined {
  const movie = findBox(view, { start: 0, end: view.byteLength }, "moov");
  if (movie === undefined || findBox(view, movie, "mvex")) return undefined;
  const lengths = boxes(view, movie.start, movie.end).filter(({ type }) => type === "trak")
    .map((track) => trackSeconds(view, track));
  const longest = Math.max(0, ...lengths);
  return longest > 0 ? claimed(longest, view) : undefined;
}

function trackSeconds(view: DataView, track: Box): number {
  const header = findBox(view, track, "mdia", "mdhd");
  const handler = findBox(view, track, "mdia", "hdlr");
  const times = findBox(view, track, "mdia", "minf", "stbl", "stts");
  if (!header || !handler || !times || textAt(view, handler.start + 8, 4) !== "soun") return 0;
  const isLong = view.getUint8(header.start) === 1;
  const unitsPerSecond = view.getUint32(header.start + (isLong ? 20 : 12));
  let units = 0;
  for (let at = times.start + 8; at + 8 <= times.end; at += 8) {
    units += view.getUint32(at) * view.getUint32(at + 4);
  }
  return units / unitsPerSecond;
}

/** The elements of Matroska that tell a length. https://www.rfc-editor.org/info/rfc9559 */
const WEBM = {
  segment: 0x18538067,
  info: 0x1549a966,
  timestampScale: 0x2ad7b1,
  duration: 0x4489,
  tracks: 0x1654ae6b,
  track: 0xae,
  trackNumber: 0xd7,
  codec: 0x86,
  cluster: 0x1f43b675,
  timestamp: 0xe7,
  blockGroup: 0xa0,
  block: 0xa1,
  simpleBlock: 0xa3,
};
const WEBM_PARENTS = [WEBM.segment, WEBM.info, WEBM.tracks, WEBM.track, WEBM.cluster, WEBM.blockGroup];

/** The latest block or the stated length; browsers record Opus without stating any, whose packets are summed up. */
function webmSeconds(view: DataView): number | undefined {
  let [scale_ns, stated, trackNumber, clusterTime, last, opusSeconds] = [1_000_000, 0, 0, 0, 0, 0];
  let hasOther = false;
  const opusTracks = new Set<number>();
  for (let at = 0; at < view.byteLength;) {
    const id = variableInteger(view, at, true);
    const size = variableInteger(view, at + id.bytes, false);
    const start = at + id.bytes + size.bytes;
    if (WEBM_PARENTS.includes(id.value)) {
      at = start; // Their children follow; a length that nobody knew while recording is never needed.
      continue;
    }
    if (id.value === WEBM.timestampScale) scale_ns = unsigned(view, start, size.value);
    if (id.value === WEBM.duration) {
      stated = size.value === 4 ? view.getFloat32(start) : view.getFloat64(start);
    }
    if (id.value === WEBM.trackNumber) trackNumber = unsigned(view, start, size.value);
    if (id.value === WEBM.codec) {
      if (textAt(view, start, size.value) === "A_OPUS") opusTracks.add(trackNumber);
      else hasOther = true;
    }
    if (id.value === WEBM.timestamp) clusterTime = unsigned(view, start, size.value);
    if (id.value === WEBM.block || id.value === WEBM.simpleBlock) {
      const track = variableInteger(view, start, false);
      const body = start + track.bytes + 3;
      last = Math.max(last, clusterTime + view.getInt16(start + track.bytes));
      const packetBytes = Math.min(start + size.value, view.byteLength) - body;
      if (opusTracks.has(track.value) && packetBytes > 0) {
        opusSeconds += packetSeconds(view, body, packetBytes);
      }
    }
    at = start + size.value;
  }
  const seconds = Math.max(opusSeconds, Math.max(last, stated) * scale_ns / 1e9);
  return hasOther ? claimed(seconds, view) : seconds;
}

/** EBML's integer, whose first byte says how long it is; an id keeps that mark. */
function variableInteger(view: DataView, at: number, isId: boolean): { value: number; bytes: number } {
  const first = view.getUint8(at);
  const bytes = Math.clz32(first) - 23;
  if (bytes > 8) throw new RangeError("no EBML integer");
  const rest = unsigned(view, at + 1, bytes - 1);
  return { value: (isId ? first : first & (0xff >> bytes)) * 256 ** (bytes - 1) + rest, bytes };
}

function unsigned(view: DataView, at: number, bytes: number): number {
  let value = 0;
  for (let index = 0; index < Math.min(bytes, 8); index++) value = value * 256 + view.getUint8(at + index);
  return value;
}
