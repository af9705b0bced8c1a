import { createHash } from "node:crypto";
import { z } from "zod";

import { flacLength } from "./audio/flac.ts";
import { boundOf, type Length, type Measure } from "./audio/length.ts";
import { mp3Length } from "./audio/mp3.ts";
import { mp4Length } from "./audio/mp4.ts";
import { oggLength } from "./audio/ogg.ts";
import { wavLength } from "./audio/wav.ts";
import { webmLength } from "./audio/webm.ts";
import { isUploadedPath } from "./inputs.ts";
import { hintOf } from "./spoken_languages.ts";

/** The first bytes of accepted recordings, with the type names that providers know. */
const SIGNATURES: [RegExp, mediaType: string, extension: string, measure: Measure][] = [
  [/^RIFF[^]{4}WAVE/, "audio/wav", "wav", wavLength],
  [/^(?:ID3|\xff[\xe2\xe3\xf2\xf3\xfa\xfb])/, "audio/mpeg", "mp3", mp3Length],
  [/^[^]{4}ftyp/, "audio/mp4", "m4a", mp4Length],
  [/^[^]E\xdf\xa3/, "audio/webm", "webm", webmLength],
  [/^OggS/, "audio/ogg", "ogg", oggLength],
  [/^fLaC/, "audio/flac", "flac", flacLength],
];

/** The first bytes of recordings that providers do not accept, with names for the message. */
const OTHERS: [RegExp, name: string][] = [
  [/^caff/, "a CAF"],
  [/^FORM[^]{4}AIF[FC]/, "an AIFF"],
  [/^#!AMR/, "an AMR"],
  [/^\xff[\xf0\xf1\xf8\xf9]/, "a bare AAC"],
  [/^\x30\x26\xb2\x75/, "a WMA"],
];

/** The language of a recording, as a hint for the model: `fr`, or a phone's tag such as `nb` or `pt-BR`. */
export const SpokenLanguage = z.string().max(35)
  .regex(/^[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{1,8})*$/, "Expected a language code like en")
  .transform((tag, context) => {
    const hint = hintOf(tag);
    if (hint === undefined) {
      context.addIssue("No model transcribes this language; leave it out to let the model detect it");
    }
    return hint ?? z.NEVER;
  });

/** The largest recording that OpenAI accepts. https://platform.openai.com/docs/guides/speech-to-text */
export const RECORDING_BYTES = 25 * 1024 * 1024;
/** Room for one recording and a few words around it in a multipart body. */
export const RECORDING_BODY_BYTES = RECORDING_BYTES + 64 * 1024;

/** One day: no real recording is longer, whatever its header claims. */
const MAX_SECONDS = 86_400;
/** Decoders add a fraction of a second at the ends. */
const PADDING_S = 1;

/** A file's type by its first bytes; undefined for an unknown recording. */
export function audioType(bytes: Uint8Array): string | undefined {
  return signatureOf(bytes)?.[1];
}

function signatureOf(bytes: Uint8Array) {
  const start = startOf(bytes);
  return SIGNATURES.find(([signature]) => signature.test(start));
}

function startOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(0, 12));
}

function noRecording(bytes: Uint8Array): TypeError {
  const start = startOf(bytes);
  const other = OTHERS.find(([signature]) => signature.test(start))?.[1];
  return new TypeError(
    `Expected a wav, mp3, m4a, webm, ogg or flac recording${other ? `, not ${other} file` : ""}`,
  );
}

/** A recording in an input. Its type and length come from its bytes, never from the client. */
export class Recording {
  #content: Content | undefined;
  #digest: string | undefined;

  private constructor(
    /** Its path in Storage, from which it is read before `run`. */
    readonly path: string | undefined,
    readonly maxSeconds: number,
  ) {}

  static of(bytes: Uint8Array<ArrayBuffer>, maxSeconds = MAX_SECONDS): Recording {
    const recording = new Recording(undefined, maxSeconds);
    recording.fill(bytes);
    return recording;
  }

  static at(path: string, maxSeconds = MAX_SECONDS): Recording {
    return new Recording(path, maxSeconds);
  }

  /** Sets the bytes, or throws a `TypeError` with a message for the caller. */
  fill(bytes: Uint8Array<ArrayBuffer>): void {
    const signature = signatureOf(bytes);
    if (signature === undefined) throw noRecording(bytes);
    const [, mediaType, extension, measure] = signature;
    const length = measured(measure, bytes);
    const seconds = length?.seconds;
    const bound = Math.ceil(length?.most_s ?? boundOf(bytes.length)) + PADDING_S;
    if ((seconds ?? bound) > this.maxSeconds) {
      throw new TypeError(`Expected a recording of at most ${this.maxSeconds} seconds`);
    }
    this.#content = {
      bytes,
      mediaType,
      fileName: `recording.${extension}`,
      duration_s: seconds,
      max_duration_s: bound,
    };
  }

  /** Its content, once it was read. */
  get content(): Content {
    if (this.#content === undefined) throw new Error("Cannot use a recording that was not read");
    return this.#content;
  }

  /** Releases the memory now: the next garbage collection may come many uploads later. */
  release(): void {
    this.#content?.bytes.buffer.transfer(0);
    this.#content = undefined;
  }

  /** Represents it when requests are compared and text is counted; a file at a path never changes. */
  toJSON(): string {
    if (this.path !== undefined) return this.path;
    this.#digest ??= createHash("sha256").update(this.content.bytes).digest("base64url");
    return this.#digest;
  }
}

interface Content {
  bytes: Uint8Array<ArrayBuffer>;
  mediaType: string;
  /** The file name shows the type, which providers rely on. */
  fileName: string;
  /** The measured length; undefined if the file does not show it. */
  duration_s: number | undefined;
  /** The most seconds that it is charged for. */
  max_duration_s: number;
}

/** A file whose offsets lead out of it is damaged: its length is unknown. */
function measured(measure: Measure, bytes: Uint8Array): Length | undefined {
  try {
    const length = measure(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    return length !== undefined && Number.isFinite(length.most_s) ? length : undefined;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/**
 * An input field for a recording of up to 25 MB: wav, mp3, m4a, webm, ogg or flac, by its bytes. Either `file` in a
 * multipart body, or the path of a file in the bucket `uploads`, which is read with the caller's rights.
 */
export function recordingFields({ maxSeconds }: { maxSeconds?: number } = {}) {
  const file = z.instanceof(Uint8Array<ArrayBuffer>, { error: "Expected a file in a multipart body" })
    .meta({ type: "string", format: "binary" })
    .refine((bytes) => bytes.length <= RECORDING_BYTES, "Expected a recording of at most 25 MB")
    .transform((bytes, context) => {
      try {
        return Recording.of(bytes, maxSeconds);
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
        context.addIssue(error.message);
        return z.NEVER;
      }
    });
  const storage_path = z.string().max(500)
    .refine(isUploadedPath, "Expected a path like uploads/<your id>/voice.m4a")
    .transform((path) => Recording.at(path, maxSeconds));
  return { file: file.optional(), storage_path: storage_path.optional() };
}
