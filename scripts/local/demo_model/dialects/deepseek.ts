import { OpenAiError } from "../answer.ts";
import { formOf, type ServerDialect, wantsWordJson } from "./dialect.ts";

export const deepseek: ServerDialect = {
  name: "deepseek",
  title: "DeepSeek",
  path: "/v1",
  key: "bearer",
  routes: ["chat"],
  sources: [
    "https://api-docs.deepseek.com/quick_start/error_codes",
    "https://api-docs.deepseek.com/guides/json_mode",
    "https://github.com/llm-exe/llm-exe/issues/662",
  ],
  refuse: (_route, body) =>
    formOf(body) === "json_schema"
      ? new OpenAiError(400, "This response_format type is unavailable now", "invalid_request_error")
      : wantsWordJson(body),
  message: (message) => ({ ...message, reasoning_content: "The user wants an answer." }),
  reasoningTokens: 16,
  usage: ({ prompt_tokens, completion_tokens }, reasoning_tokens) => ({
    prompt_tokens,
    completion_tokens: completion_tokens + reasoning_tokens,
    total_tokens: prompt_tokens + completion_tokens + reasoning_tokens,
    completion_tokens_details: { reasoning_tokens },
    prompt_cache_hit_tokens: 0,
    prompt_cache_miss_tokens: prompt_tokens,
  }),
  stream: (events) => [": keep-alive\n\n", ...events],
};
