import { OpenAiError } from "../answer.ts";
import type { ServerDialect } from "./dialect.ts";

export const gemini: ServerDialect = {
  name: "gemini",
  title: "Gemini's compatible endpoint",
  path: "/v1beta/openai",
  key: "bearer",
  routes: ["chat", "images"],
  sources: [
    "https://ai.google.dev/gemini-api/docs/openai",
    "https://github.com/MinLL/SkyrimNet-GamePlugin/issues/77",
    "https://github.com/Clarifai/clarifai-python/pull/978",
    "https://github.com/ogx-ai/ogx/issues/5122",
  ],
  refuse: (route, body) =>
    route === "images" && body.quality !== undefined
      ? new OpenAiError(
        400,
        'Invalid JSON payload received. Unknown name "quality": Cannot find field.',
        "INVALID_ARGUMENT",
      )
      : undefined,
  error: ({ message, status, code }) => [{
    error: {
      code: status,
      message,
      status: code ?? "INVALID_ARGUMENT",
      details: [{
        "@type": "type.googleapis.com/google.rpc.BadRequest",
        fieldViolations: [{ description: message }],
      }],
    },
  }],
  reasoningTokens: 64,
  // Thoughts are billed, but only counted in the total.
  usage: ({ prompt_tokens, completion_tokens }, thoughts) => ({
    prompt_tokens,
    completion_tokens,
    total_tokens: prompt_tokens + completion_tokens + thoughts,
  }),
  // Each chunk has the usage so far.
  stream: (events, usage) =>
    events.filter(({ choices }) => (choices as unknown[]).length > 0).map((event) => ({ ...event, usage })),
};
