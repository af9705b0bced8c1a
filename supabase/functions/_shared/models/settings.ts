import { z } from "zod";

import { STRUCTURED_OUTPUTS } from "./dialect.ts";
import { defineSettings } from "../platform/env.ts";

/** The model server, and how it is called. */
export const modelSettings = defineSettings("AI models", {
  AI_BASE_URL: z.url({ protocol: /^https?$/ }).default("https://api.openai.com/v1").describe(
    "Any OpenAI-compatible API; a query, such as Azure's ?api-version=…, stays at the end",
  ),
  AI_API_KEY: z.string().min(1).describe("The key for AI_BASE_URL; any text if the server needs no key"),
  AI_TEXT_MODEL: z.string().min(1).default("gpt-5.4-mini").describe(
    "The model for requests without a picture",
  ),
  AI_VISION_MODEL: z.string().min(1).default("gpt-5.4-mini").describe("The model for requests with pictures"),
  AI_IMAGE_MODEL: z.string().min(1).default("gpt-image-2").describe("The image model"),
  AI_TRANSCRIBE_MODEL: z.string().min(1).default("whisper-1").describe(
    "The transcription model. Without verbose_json its answers have neither segments nor a duration",
  ),
  AI_SPEECH_MODEL: z.string().min(1).default("tts-1").describe("The text-to-speech model"),
  AI_REALTIME_MODEL: z.string().min(1).default("gpt-realtime").describe("The realtime voice model"),
  AI_TIMEOUT_MS: z.coerce.number().int().min(1).max(100_000).default(90_000).describe(
    "How long one request may wait for models in total; hosted functions end after 150,000 ms, settlement included",
  ),
  AI_STRUCTURED_OUTPUT: z.enum(["auto", ...STRUCTURED_OUTPUTS]).default("auto").describe(
    "How objects are requested: auto learns from the first refusal what the server accepts; see docs/providers.md",
  ),
  AI_REASONING_EFFORT: z.enum(["none", "minimal", "low", "medium", "high", "xhigh"]).optional().describe(
    "The reasoning effort to ask for; which values work depends on the model",
  ),
  AI_REASONING_TOKENS: z.coerce.number().int().min(0).max(100_000).default(0).describe(
    "Extra output tokens for reasoning, on top of each feature's limit. They are held; only what was used is charged",
  ),
});
