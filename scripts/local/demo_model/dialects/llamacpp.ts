import { OpenAiError } from "../answer.ts";
import type { ServerDialect } from "./dialect.ts";

export const llamacpp: ServerDialect = {
  name: "llamacpp",
  title: "llama.cpp's server",
  path: "/v1",
  key: "none",
  routes: ["chat"],
  sources: [
    "https://github.com/ggml-org/llama.cpp/issues/26596",
    "https://github.com/ggml-org/llama.cpp/pull/16626",
    "https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md",
  ],
  refuse(_route, body) {
    const format = JSON.stringify(body.response_format ?? null);
    const lengths = [...format.matchAll(/"max(?:Length|Items)":(\d+)/g)].map(([, bound]) => Number(bound));
    const isTooMuch = format.includes(String(Number.MAX_SAFE_INTEGER)) ||
      lengths.reduce((sum, bound) => sum + bound, 0) >= 400;
    return isTooMuch
      ? new OpenAiError(400, "Failed to initialize samplers: failed to parse grammar")
      : undefined;
  },
  error: ({ message, status }) => ({ error: { code: status, message, type: "invalid_request_error" } }),
  content: (content) => `<think>\nThe user wants {an answer}.\n</think>\n\n${content}`,
};
