import {
  createBinaryResponseHandler,
  createJsonResponseHandler,
  postJsonToApi,
  postMultipartStreamToApi,
} from "@ai-sdk/provider-utils";
import { z } from "zod";

import type { Recording } from "./audio.ts";
import type { Connection } from "./provider_connection.ts";
import { failedResponseHandler } from "./provider_errors.ts";

type Content = Recording["content"];

/** What a provider made of a recording. */
export interface Heard {
  text: string;
  language: string | null;
  segments: { start_s: number; end_s: number; text: string }[];
  /** What the provider decoded; undefined where it does not say, or says what cannot be. */
  duration_s: number | undefined;
}

interface Request {
  model: string;
  abortSignal: AbortSignal;
  headers?: Record<string, string>;
}

const Transcription = z.object({
  text: z.string(),
  language: z.string().nullish(),
  duration: z.coerce.number().nullish(),
  segments: z.array(z.object({ start: z.number(), end: z.number(), text: z.string() })).nullish(),
});

/**
 * The two routes of OpenAI's API that the AI SDK's OpenAI-compatible provider lacks, by the SDK's own means, so that
 * they fail as its other calls do. https://platform.openai.com/docs/api-reference/audio
 */
export function createAudioApi({ baseUrl, headers: own, fetch }: Connection) {
  const common = ({ abortSignal, headers }: Request) => ({
    headers: { ...own, ...headers },
    failedResponseHandler,
    abortSignal,
    fetch,
  });

  return {
    async transcribe(
      { recording, language, ...request }: Request & { recording: Content; language?: string },
    ): Promise<Heard> {
      const field = (name: string, value: string) => ({ type: "field" as const, name, value });
      const { value } = await postMultipartStreamToApi({
        url: `${baseUrl}/audio/transcriptions`,
        parts: [
          field("model", request.model),
          field("response_format", tellsLength(request.model) ? "verbose_json" : "json"),
          ...language === undefined ? [] : [field("language", language)],
          {
            type: "file",
            name: "file",
            filename: recording.fileName,
            mediaType: recording.mediaType,
            content: inPieces(recording.bytes),
          },
        ],
        successfulResponseHandler: createJsonResponseHandler(Transcription),
        ...common(request),
      });
      const { text, duration, segments } = value;
      return {
        text: text.trim(),
        language: languageCode(value.language),
        segments: (segments ?? []).map(({ start, end, text }) => ({
          start_s: start,
          end_s: end,
          text: text.trim(),
        })),
        duration_s: duration && Number.isFinite(duration) && duration > 0 ? duration : undefined,
      };
    },

    async speak(
      { model, input, voice, speed, ...request }: Request & { input: string; voice: string; speed: number },
    ): Promise<Uint8Array> {
      const { value } = await postJsonToApi({
        url: `${baseUrl}/audio/speech`,
        body: { model, input, voice, speed, response_format: "mp3" },
        successfulResponseHandler: createBinaryResponseHandler(),
        ...common({ model, ...request }),
      });
      return value;
    },
  };
}

const PIECE_BYTES = 64 * 1024;

/** As a stream, of which the network takes one piece after the other: a form would be a second copy of it all. */
function inPieces(bytes: Uint8Array): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.subarray(at, at += PIECE_BYTES));
    },
  }, { highWaterMark: 0 });
}

/** OpenAI's newer models refuse `verbose_json`, which most compatible servers know. */
function tellsLength(model: string): boolean {
  return !/^gpt-4o/.test(model);
}

/** The languages that Whisper knows, which it reports by their English names. */
const LANGUAGES =
  ("af am ar as az ba be bg bn bo br bs ca cs cy da de el en es et eu fa fi fo fr gl gu ha haw he hi hr ht hu hy id is it " +
    "ja jv ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr ms mt my ne nl nn no oc pa pl ps pt ro ru sa sd si sk sl sn " +
    "so sq sr su sv sw ta te tg th tk tl tr tt uk ur uz vi yi yo yue zh").split(" ");

let codesByName: Map<string, string> | undefined;

function languageCode(reported: string | null | undefined): string | null {
  const name = reported?.toLowerCase() ?? "";
  codesByName ??= namedLanguages();
  return codesByName.get(name) ?? (LANGUAGES.includes(name) ? name : null);
}

function namedLanguages(): Map<string, string> {
  const names = new Intl.DisplayNames("en", { type: "language" });
  return new Map(LANGUAGES.map((code) => [names.of(code)!.toLowerCase(), code]));
}
