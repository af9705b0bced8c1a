import { Buffer } from "node:buffer";
import type { z } from "zod";

import { readThrough } from "./answer_bounds.ts";
import { parseAnswer } from "./answer_text.ts";
import { audioType, type Recording } from "../media/audio.ts";
import type { Prompt } from "./chat_model.ts";
import { AppError } from "../platform/errors.ts";
import { type Draft, openLanguageModels, type ReadDraft } from "./language_models.ts";
import { heardOf } from "../media/heard.ts";
import { pictureType } from "../pictures/picture_type.ts";
import { openCalls } from "./calls.ts";
import { failure, MAX_DETAIL_CHARACTERS } from "./failures.ts";
import { readUsage, type RunUsage, UsageMeter } from "./usage.ts";
import { charactersIn } from "../ledger/price.ts";
import type { ModelsConfig } from "./provider.ts";

export type { ReadDraft } from "./language_models.ts";
export type { RunUsage } from "./usage.ts";

/** The AI calls of a feature's `run`, which gives no access to keys, environment or database. */
export interface Models {
  /** A value that fits the schema; the schema's fields are required, since strict providers know no optional ones. */
  object<Schema extends z.ZodType>(
    prompt: Prompt & { schema: Schema; draft?: Draft },
  ): Promise<z.output<Schema>>;
  /** `onText` gets the text so far while it grows; only called if a client watches. */
  text(prompt: Prompt & { onText?: (text: string) => void }): Promise<string>;
  /** As many images as the provider made, which may be fewer than asked for. */
  image(prompt: { prompt: string; size: `${number}x${number}`; count: number }): Promise<ImageFile[]>;
  /** The words in a recording; empty if nothing is said. */
  transcribe(prompt: { recording: Recording; language?: string }): Promise<Transcript>;
  speech(prompt: { text: string; voice: string; speed: number }): Promise<AudioFile>;
  usage(): RunUsage;
}

export interface ImageFile {
  bytes: Uint8Array;
  mediaType: string;
}

export type AudioFile = ImageFile;

export interface Transcript {
  text: string;
  /** A code like `en`; null if the model does not report it. */
  language: string | null;
  /** Empty if the model does not divide its text. */
  segments: { start_s: number; end_s: number; text: string }[];
  /** As the provider reports it, else as measured; null if neither is known. */
  duration_s: number | null;
}

/** One request makes all images: several requests could fail in part, and be paid for in part. */
const MAX_IMAGES = 10;
/** The quality on which the price of a picture is based; the provider's default may cost three times as much. */
const IMAGE_QUALITY = "medium";
/** For calls that are paid by the second or the character. */
const NO_TOKENS = { input_tokens: 0, output_tokens: 0 };

/**
 * Opens the models for one run, whose time starts now. Every failure of the provider is an `AppError`
 * (`provider_error`, or `provider_timeout` once the time is up) with a `ModelFailure` as its cause; when the caller's
 * signal aborts, its reason is thrown.
 *
 * A call is tried again only while the provider has not begun to answer (no connection, 408, 429, 5xx), so no retry
 * pays twice and a hold for one call is enough. The same holds where the provider refuses a part of the request that it
 * does not know: it is asked again without (`dialect.ts`). An unusable answer is an error; its cost is in
 * `usage()`.
 *
 * The caller's signal stops language models at once, and their usage so far is estimated. A started picture, voice or
 * transcription runs to its end: the provider bills it whole in any case.
 */
export function createModels(
  { signal, config, maxOutputTokens, requestId, onDraft }: {
    signal?: AbortSignal;
    config: ModelsConfig;
    /** Makes the language models stream, and is called whenever there is more of an object to read. */
    onDraft?: (read: ReadDraft) => void;
    /** Per call. */
    maxOutputTokens?: number;
    requestId?: string;
  },
): Models & { idle(): Promise<void> } {
  const headers = requestId === undefined ? undefined : { "X-Client-Request-Id": requestId };
  const meter = new UsageMeter();
  const calls = openCalls({ signal, config, meter });
  const { call, noteIgnoredSchema, idle } = calls;
  const ask = openLanguageModels({ calls, meter, config, headers, maxOutputTokens, onDraft });

  return {
    async object({ schema, draft, ...prompt }) {
      const { text, model, asked } = await ask(prompt, schema, draft);
      const value = parseAnswer(text);
      if (value === undefined) {
        noteIgnoredSchema(asked);
        throw failure("nonsense", { model });
      }
      const parsed = await readThrough(schema, value);
      if (parsed.success) return parsed.data;
      const { issues } = parsed.error;
      if (issues.some(({ code }) => code === "invalid_type" || code === "invalid_value")) {
        noteIgnoredSchema(asked);
      }
      const detail = issues.map(({ path, code }) => `${path.join(".")}: ${code}`).join(", ");
      throw failure("wrong_shape", { model, detail: detail.slice(0, MAX_DETAIL_CHARACTERS) });
    },

    async text(prompt) {
      return (await ask(prompt)).text;
    },

    async image({ prompt, size, count: n }) {
      if (!(Number.isInteger(n) && n >= 1 && n <= MAX_IMAGES)) {
        throw new RangeError(
          `Cannot make images as count must be from 1 to ${MAX_IMAGES}: current value is ${n}`,
        );
      }
      const model = config.imageModel;
      const drawn = await call({
        model,
        prompt,
        run: ({ provider, abortSignal, dialect, onSend }) => {
          const extra: Record<string, string> = dialect.omitted.has("quality")
            ? {}
            : { quality: IMAGE_QUALITY };
          onSend({ prompt, size, n, ...extra });
          return provider.image.doGenerate({
            prompt,
            size,
            n,
            aspectRatio: undefined,
            seed: undefined,
            files: undefined,
            mask: undefined,
            providerOptions: { provider: extra },
            abortSignal,
            headers,
          });
        },
      });
      const images = drawn.images.slice(0, n);
      meter.count(readUsage(drawn.usage ?? {}), model, { images: images.length });
      if (images.length === 0) throw failure("empty", { model });
      const files = readFiles(images);
      if (files === undefined) throw failure("nonsense", { model });
      return files;
    },

    async transcribe({ recording: { content, path }, language }) {
      const model = config.transcribeModel;
      const heard = await call({
        model,
        prompt: "",
        run: ({ provider, abortSignal, dialect, onSend }) =>
          provider.audio.transcribe({
            model,
            recording: content,
            language,
            dialect,
            onSend,
            abortSignal,
            headers,
          }),
        field: path === undefined ? "file" : "storage_path",
      });
      const { duration_s, seconds, isLonger } = heardOf(content, heard.duration_s);
      meter.count(duration_s === undefined ? null : NO_TOKENS, model, { seconds });
      if (isLonger) throw new AppError("answer_refused", "The recording is longer than its file says");
      return { ...heard, duration_s: duration_s ?? null };
    },

    async speech({ text, voice, speed }) {
      const model = config.speechModel;
      const bytes = await call({
        model,
        prompt: text,
        run: ({ provider, abortSignal, dialect, onSend }) =>
          provider.audio.speak({ model, input: text, voice, speed, dialect, onSend, abortSignal, headers }),
      });
      meter.count(NO_TOKENS, model, { characters: charactersIn(text) });
      if (bytes.length === 0) throw failure("empty", { model });
      const mediaType = audioType(bytes);
      if (mediaType === undefined) throw failure("nonsense", { model });
      return { bytes, mediaType };
    },

    usage: () => meter.read(),

    idle,
  };
}

/** The images as bytes; undefined if one of them is not an image. */
function readFiles(images: (string | Uint8Array)[]): ImageFile[] | undefined {
  const files: ImageFile[] = [];
  for (const image of images) {
    const bytes = typeof image === "string" ? Buffer.from(image, "base64") : image;
    const mediaType = pictureType(bytes);
    if (mediaType === undefined) return undefined;
    files.push({ bytes, mediaType });
  }
  return files;
}
