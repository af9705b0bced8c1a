import { OpenAiError } from "../answer.ts";
import type { Body, ServerDialect } from "./dialect.ts";

/** The format of Pydantic's errors, which Mistral's API passes on. */
function extraForbidden(body: Body, fields: string[]): OpenAiError | undefined {
  const field = fields.find((name) => body[name] !== undefined);
  return field === undefined
    ? undefined
    : new OpenAiError(422, "Extra inputs are not permitted", "extra_forbidden", {}, field);
}

export const mistral: ServerDialect = {
  name: "mistral",
  title: "Mistral",
  path: "/v1",
  key: "bearer",
  routes: ["chat", "transcriptions"],
  sources: [
    "https://github.com/editor-code-assistant/eca/issues/231",
    "https://github.com/mistralai/platform-docs-public/issues/7",
    "https://github.com/openai/openai-agents-python/issues/442",
    "https://docs.rs/crate/rig-core/0.42.0/source/src/providers/mistral/transcription.rs",
  ],
  refuse: (route, body) =>
    route === "transcriptions"
      ? extraForbidden(body, ["response_format"])
      : extraForbidden(body, ["stream_options", "max_completion_tokens"]),
  error: ({ message, status, param, code }) => ({
    object: "error",
    message: status === 422 && param !== undefined
      ? { detail: [{ type: code, loc: ["body", param], msg: message, input: { include_usage: true } }] }
      : message,
    type: "invalid_request_error",
    param: null,
    code: null,
  }),
  message: ({ content, ...message }) => ({
    ...message,
    content: [
      { type: "thinking", thinking: [{ type: "text", text: "The user wants {an answer}." }] },
      { type: "text", text: content },
    ],
  }),
  // The usage comes with the last chunk, requested or not.
  stream: (events, usage) =>
    events.filter(({ choices }) => (choices as unknown[]).length > 0).map((event, index, all) =>
      index === all.length - 1 ? { ...event, usage } : event
    ),
  transcript: ({ text }) => ({
    text,
    language: null,
    model: "voxtral-mini-2507",
    segments: [],
    usage: { prompt_audio_seconds: 2, prompt_tokens: 4, completion_tokens: 27, total_tokens: 31 },
  }),
};
