import { OpenAiError } from "../answer.ts";
import { type Body, keywordIn, type ServerDialect, wantsWordJson, without } from "./dialect.ts";

const LENGTHS = ["minLength", "maxLength"];

/** OpenAI's newer models; Azure serves the same. */
function refuseAsOpenAi(route: string, body: Body): OpenAiError | undefined {
  if (route === "transcriptions" && body.response_format === "verbose_json") {
    return new OpenAiError(
      400,
      "response_format 'verbose_json' is not compatible with model 'gpt-4o-transcribe-api-ev3'. Use 'json' or 'text' instead.",
      "unsupported_value",
      {},
      "response_format",
    );
  }
  const keyword = keywordIn(body, LENGTHS);
  if (route === "chat" && keyword !== undefined) {
    return new OpenAiError(
      400,
      `Invalid schema for response_format 'response': In context=('properties', 'text'), '${keyword}' is not permitted.`,
      undefined,
      {},
      "response_format",
    );
  }
  return without(
    body,
    "max_tokens",
    "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
  ) ?? wantsWordJson(body);
}

export const openai: ServerDialect = {
  name: "openai",
  title: "OpenAI, reasoning models",
  path: "/v1",
  key: "bearer",
  routes: ["chat", "images", "transcriptions", "speech"],
  sources: [
    "https://platform.openai.com/docs/guides/structured-outputs#supported-schemas",
    "https://github.com/jina-ai/node-DeepResearch/issues/79",
    "https://github.com/vercel/ai/issues/8214",
  ],
  refuse: refuseAsOpenAi,
  reasoningTokens: 32,
  usage: ({ prompt_tokens, completion_tokens }, reasoning_tokens) => ({
    prompt_tokens,
    completion_tokens: completion_tokens + reasoning_tokens,
    total_tokens: prompt_tokens + completion_tokens + reasoning_tokens,
    completion_tokens_details: { reasoning_tokens },
  }),
};

export const azure: ServerDialect = {
  ...openai,
  name: "azure",
  title: "Azure OpenAI",
  path: "/openai/v1",
  query: "?api-version=preview",
  key: "api-key",
  sources: [
    "https://github.com/AbanteAI/archive-old-cli-mentat/issues/429",
    "https://github.com/microsoft/autogen/issues/6465",
    "https://github.com/stanford-crfm/helm/pull/3327",
  ],
  error: ({ message, code, status, param }) => ({
    error: { message, type: null, param: param ?? null, code: code ?? String(status), status },
  }),
  stream: (events) => [
    { id: "", object: "", created: 0, model: "", choices: [], prompt_filter_results: [{ prompt_index: 0 }] },
    ...events,
    // The annotation of the filter comes last, without a delta.
    {
      id: "",
      object: "",
      model: "",
      choices: [{ index: 0, finish_reason: null, content_filter_offsets: {} }],
    },
  ],
};
