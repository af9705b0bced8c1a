import { createHash } from "node:crypto";
import { Recording } from "../../../supabase/functions/_shared/media/audio.ts";
import { type Answer, garbageAnswer, jsonAnswer, OpenAiError } from "./answer.ts";
import type { ServerDialect } from "./dialects/dialect.ts";
import { createRandom } from "./random.ts";
import type { Switches } from "./switches.ts";
import { demoTones } from "./wav.ts";
import { demoProse } from "./words.ts";

/** The assumed length of a recording that does not state it. */
const UNKNOWN_DURATION_S = 10;
const MAX_CHARACTERS = 4_096;
const SPEED = { min: 0.25, max: 4 };
const VOICES = [
  "alloy",
  "ash",
  "ballad",
  "coral",
  "echo",
  "fable",
  "nova",
  "onyx",
  "sage",
  "shimmer",
  "verse",
];

/** Answers `POST /v1/audio/transcriptions`: prose by the file's bytes, its sentences spread over the file's length. */
export function answerTranscription(
  body: Record<string, unknown>,
  switches: Switches,
  dialect?: ServerDialect,
): Answer {
  const recording = read(body.file);
  if (switches.content === "garbage") return garbageAnswer();
  if (switches.content === "refuse") throw refused();
  if (switches.content === "wrong-shape") return jsonAnswer({ transcript: "demo wrong shape" });

  const sha256 = createHash("sha256").update(recording.bytes).digest("hex");
  const prose = switches.content === "empty" ? "" : demoProse(createRandom(sha256));
  const text = switches.content === "truncated" ? prose.slice(0, Math.ceil(prose.length / 2)) : prose;
  if (dialect?.transcript !== undefined) return jsonAnswer(dialect.transcript({ text }));
  if (body.response_format !== "verbose_json" || switches.usage === "none") return jsonAnswer({ text });
  const duration = switches.usage === "default"
    ? recording.duration_s ?? UNKNOWN_DURATION_S
    : switches.usage.input;
  const segments = segmentsOf(text, duration);
  return jsonAnswer({
    task: "transcribe",
    language: "english",
    duration,
    text,
    segments: switches.content === "nonsense" ? segments.map(lost).toReversed() : segments,
  });
}

function read(file: unknown): Recording["content"] {
  try {
    return Recording.of(file instanceof Uint8Array ? new Uint8Array(file) : new Uint8Array()).content;
  } catch {
    throw new OpenAiError(
      400,
      "Invalid file format. Supported formats: ['flac', 'm4a', 'mp3', 'ogg', 'wav', 'webm']",
    );
  }
}

/** Each sentence with a share of the time, by its length. */
function segmentsOf(text: string, duration: number) {
  const sentences = text.match(/[^.!?]+[.!?]*\s*/g) ?? [];
  let characters = 0;
  const now = () => Math.round(duration * characters / text.length * 100) / 100;
  return sentences.map((sentence, id) => {
    const start = now();
    characters += sentence.length;
    return {
      id,
      seek: 0,
      start,
      end: now(),
      text: ` ${sentence.trim()}`,
      avg_logprob: -0.2,
      no_speech_prob: 0.01,
    };
  });
}

/** A segment that ends before it starts, outside the recording. */
function lost<Segment extends { start: number; end: number }>(segment: Segment): Segment {
  return { ...segment, start: segment.end + 1_000_000, end: -segment.start - 1 };
}

/** Answers `POST /v1/audio/speech`: a tone for each word, as WAV whatever format is asked for. */
export function answerSpeech(body: Record<string, unknown>, switches: Switches): Answer {
  const { input, voice, speed = 1 } = body;
  if (typeof input !== "string" || input === "" || input.length > MAX_CHARACTERS) {
    throw new OpenAiError(400, `Cannot speak as input must be a text of 1 to ${MAX_CHARACTERS} characters`);
  }
  if (!VOICES.includes(String(voice))) {
    throw new OpenAiError(400, `Cannot speak as voice must be one of ${VOICES.join(", ")}`);
  }
  if (typeof speed !== "number" || speed < SPEED.min || speed > SPEED.max) {
    throw new OpenAiError(400, `Cannot speak as speed must be from ${SPEED.min} to ${SPEED.max}`);
  }
  if (switches.content === "garbage") return garbageAnswer();
  if (switches.content === "refuse") throw refused();
  if (switches.content === "wrong-shape") return jsonAnswer({ audio: "demo wrong shape" });
  return { status: 200, contentType: "audio/wav", chunks: [soundOf(input, String(voice), speed, switches)] };
}

function soundOf(input: string, voice: string, speed: number, { content }: Switches): string | Uint8Array {
  if (content === "empty") return "";
  if (content === "nonsense") return "demo nonsense that is no sound";
  const tones = demoTones(input, voice, speed);
  return content === "truncated" ? tones.subarray(0, Math.ceil(tones.length / 2)) : tones;
}

function refused(): OpenAiError {
  return new OpenAiError(400, "The demo model was told to refuse", "content_policy_violation");
}
