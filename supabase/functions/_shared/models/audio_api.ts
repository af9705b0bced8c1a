import {
  createBinaryResponseHandler,
  createJsonResponseHandler,
  postJsonToApi,
  postMultipartStreamToApi,
} from "@ai-sdk/provider-utils";
import { z } from "zod";

import type { Recording } from "../media/audio.ts";
import { safeParse } from "../platform/schemas.ts";
import type { Dialect } from "./dialect.ts";
import type { Connection } from "./connection.ts";
import { failedResponseHandler, refusalOfError, UnusableRecording } from "./provider_errors.ts";
import { spokenLanguageOf } from "../media/spoken_languages.ts";

type Content = Recording["content"];

/** A provider's transcription of a recording. */
export interface Heard {
  text: string;
  language: string | null;
  segments: { start_s: number; end_s: number; text: string }[];
  /** The length that the provider decoded; undefined if it reports none or an impossible one. */
  duration_s: number | undefined;
}

interface Request {
  model: string;
  dialect: Dialect;
  /** Called with the request before it is sent. */
  onSend(body: Record<string, unknown>): void;
  abortSignal: AbortSignal;
  headers?: Record<string, string>;
}

/** The text was paid for, so a problem in other fields must not lose it. */
const Transcription = z.looseObject({ text: z.string() });

const Segment = z.object({ start: z.coerce.number(), end: z.coerce.number(), text: z.string() });

/**
 * The two routes of OpenAI's API that the AI SDK's OpenAI-compatible provider lacks, built with the SDK's own tools,
 * so that they fail like its other calls. https://platform.openai.com/docs/api-reference/audio
 */
export function createAudioApi({ addressOf, headers: own, fetch }: Connection) {
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
      const { omitted, transcriptFormat } = request.dialect;
      const fields = {
        model: request.model,
        ...transcriptFormat !== undefined && { response_format: transcriptFormat },
        ...language !== undefined && !omitted.has("language") && { language },
      };
      request.onSend(fields);
      const { value } = await postMultipartStreamToApi({
        url: addressOf("/audio/transcriptions"),
        parts: [
          ...Object.entries(fields).map(([name, value]) => ({ type: "field" as const, name, value })),
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
      }).catch((error) => {
        throw isOfRecording(error)
          ? new UnusableRecording("The recording is refused", { cause: error })
          : error;
      });
      return {
        text: value.text.trim(),
        language: spokenLanguageOf(value.language),
        segments: segmentsIn(value.segments),
        duration_s: durationIn(value.duration) ?? durationIn(secondsIn(value.usage)),
      };
    },

    async speak(
      { model, input, voice, speed, ...request }: Request & { input: string; voice: string; speed: number },
    ): Promise<Uint8Array> {
      const { omitted, speechFormat } = request.dialect;
      const body = {
        model,
        input,
        voice,
        ...!omitted.has("speed") && { speed },
        ...speechFormat !== undefined && { response_format: speechFormat },
      };
      request.onSend(body);
      const { value } = await postJsonToApi({
        url: addressOf("/audio/speech"),
        body,
        successfulResponseHandler: createBinaryResponseHandler(),
        ...common({ model, ...request }),
      });
      return value;
    },
  };
}

const OF_RECORDING =
  /invalid file format|too[ _]short|too[ _]long|corrupt|could not (?:be )?(?:decode|read|process)|(?:decod|load|open)(?:e|ing)? (?:the )?(?:audio|file)|unsupported (?:file|audio|media)|file (?:is )?(?:empty|too large)|no audio|maximum content size/i;

/** Whether a refusal is about the recording; a body that is too large is, too. */
function isOfRecording(error: unknown): boolean {
  const { status = 0, words } = refusalOfError(error);
  return status === 413 || ([400, 415, 422].includes(status) && OF_RECORDING.test(words));
}

function segmentsIn(value: unknown): Heard["segments"] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((one) => {
    if (one?.start === null || one?.end === null) return []; // null would be 0
    const { success, data } = safeParse(Segment, one);
    return success ? [{ start_s: data.start, end_s: data.end, text: data.text.trim() }] : [];
  });
}

function durationIn(value: unknown): number | undefined {
  const duration_s = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  return typeof duration_s === "number" && Number.isFinite(duration_s) && duration_s > 0
    ? duration_s
    : undefined;
}

/** Servers that report no duration report here what they bill. */
function secondsIn(usage: unknown): unknown {
  const { type, seconds, prompt_audio_seconds } = (usage ?? {}) as Record<string, unknown>;
  return type === "duration" ? seconds : prompt_audio_seconds;
}

const PIECE_BYTES = 64 * 1024;

/** A stream that is sent piece by piece: a form would be a second copy in memory. */
function inPieces(bytes: Uint8Array): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.subarray(at, at += PIECE_BYTES));
    },
  }, { highWaterMark: 0 });
}
