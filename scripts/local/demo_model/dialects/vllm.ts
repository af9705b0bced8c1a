import { OpenAiError } from "../answer.ts";
import { keywordIn, type ServerDialect } from "./dialect.ts";

export const vllm: ServerDialect = {
  name: "vllm",
  title: "vLLM",
  path: "/v1",
  key: "bearer",
  routes: ["chat", "transcriptions"],
  sources: [
    "https://github.com/vllm-project/vllm/issues/16880",
    "https://github.com/vllm-project/vllm/issues/16321",
    "https://github.com/vllm-project/vllm/issues/14818",
  ],
  refuse(route, body) {
    if (route === "transcriptions" && body.response_format === "verbose_json") {
      return new OpenAiError(400, "Currently only support response_format `text` or `json`");
    }
    if (route === "chat" && keywordIn(body, ["minItems", "maxItems", "multipleOf", "propertyNames"])) {
      return new OpenAiError(400, "The provided JSON schema contains features not supported by xgrammar.");
    }
    return undefined;
  },
  error: ({ message, status }) => ({
    object: "error",
    message,
    type: status === 404 ? "NotFoundError" : "BadRequestError",
    param: null,
    code: status,
  }),
  // Without a reasoning parser, and with a template that puts the opening mark into the prompt.
  content: (content) => `The user wants {an answer}.\n</think>\n\n${content}`,
  usage: (usage) => ({ ...usage, prompt_tokens_details: null }),
};
