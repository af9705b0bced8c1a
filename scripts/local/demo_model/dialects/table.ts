import { OpenAiError } from "../answer.ts";
import { type Body, formOf, keywordIn, type ServerDialect, wantsWordJson, without } from "./dialect.ts";

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

/** The form of Pydantic's complaints, as Mistral's API passes them on. */
function extraForbidden(body: Body, fields: string[]): OpenAiError | undefined {
  const field = fields.find((name) => body[name] !== undefined);
  return field === undefined
    ? undefined
    : new OpenAiError(422, "Extra inputs are not permitted", "extra_forbidden", {}, field);
}

const openai: ServerDialect = {
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

const azure: ServerDialect = {
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

const ollama: ServerDialect = {
  name: "ollama",
  title: "Ollama",
  path: "/v1",
  key: "none",
  routes: ["chat"],
  sources: [
    "https://github.com/ollama/ollama/blob/main/docs/openai.md",
    "https://github.com/abi/screenshot-to-code/issues/354",
    "https://github.com/open-webui/open-webui/issues/11906",
  ],
  heed: ({ max_completion_tokens: _unknown, ...body }) => body,
  error: ({ message }) => ({ error: message }),
  message: (message) => ({ ...message, reasoning: "The user wants an answer." }),
};

const vllm: ServerDialect = {
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
  // Without a parser for its reasoning, and with a template that opens the thought in the prompt.
  content: (content) => `The user wants {an answer}.\n</think>\n\n${content}`,
  usage: (usage) => ({ ...usage, prompt_tokens_details: null }),
};

const llamacpp: ServerDialect = {
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

const lmstudio: ServerDialect = {
  name: "lmstudio",
  title: "LM Studio",
  path: "/v1",
  key: "none",
  routes: ["chat"],
  sources: [
    "https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues/189",
    "https://github.com/LoadShine/tada/issues/16",
  ],
  refuse: (_route, body) =>
    formOf(body) === "json_object"
      ? new OpenAiError(400, "'response_format.type' must be 'json_schema' or 'text'")
      : undefined,
  error: ({ message }) => ({ error: message }),
  message: (message) => ({ ...message, reasoning_content: "The user wants an answer.", tool_calls: [] }),
};

const openrouter: ServerDialect = {
  name: "openrouter",
  title: "OpenRouter",
  path: "/api/v1",
  key: "bearer",
  routes: ["chat"],
  sources: [
    "https://openrouter.ai/docs/api/reference/errors-and-debugging",
    "https://openrouter.ai/docs/api-reference/streaming",
  ],
  error: ({ message, status }) => ({ error: { code: status, message, metadata: { provider_name: "demo" } } }),
  // A model behind it that is not held to the schema likes Markdown.
  content: (content, isJson) => isJson ? `Here is the JSON:\n\n\`\`\`json\n${content}\n\`\`\`` : content,
  usage: (usage) => ({ ...usage, cost: 0.000_1, completion_tokens_details: { reasoning_tokens: 0 } }),
  stream: (events, usage) => [
    ": OPENROUTER PROCESSING\n\n",
    ...events.filter(({ choices }) => (choices as unknown[]).length > 0),
    {
      ...events[0],
      choices: [{ index: 0, delta: { role: "assistant", content: "" }, finish_reason: null }],
      usage,
    },
  ],
};

const groq: ServerDialect = {
  name: "groq",
  title: "Groq",
  path: "/openai/v1",
  key: "bearer",
  routes: ["chat", "transcriptions"],
  sources: [
    "https://console.groq.com/docs/structured-outputs",
    "https://github.com/ItzCrazyKns/Vane/issues/980",
    "https://github.com/vercel/ai/issues/7808",
  ],
  refuse: (_route, body) =>
    formOf(body) === "json_schema"
      ? new OpenAiError(
        400,
        "This model does not support response format `json_schema`. See supported models at https://console.groq.com/docs/structured-outputs#supported-models",
        undefined,
        {},
        "response_format",
      )
      : wantsWordJson(body),
  usage: (usage) => ({
    ...usage,
    queue_time: 0.01,
    prompt_time: 0.01,
    completion_time: 0.1,
    total_time: 0.11,
  }),
  stream: (events, usage) =>
    events.filter(({ choices }) => (choices as unknown[]).length > 0).map((event, index, all) =>
      index === all.length - 1 ? { ...event, x_groq: { id: "req_demo", usage } } : event
    ),
};

const mistral: ServerDialect = {
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
  // The usage comes with the last piece, asked for or not.
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

const deepseek: ServerDialect = {
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

const gemini: ServerDialect = {
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
  // The thoughts are billed, and counted in the sum alone.
  usage: ({ prompt_tokens, completion_tokens }, thoughts) => ({
    prompt_tokens,
    completion_tokens,
    total_tokens: prompt_tokens + completion_tokens + thoughts,
  }),
  // Each piece has the usage so far.
  stream: (events, usage) =>
    events.filter(({ choices }) => (choices as unknown[]).length > 0).map((event) => ({ ...event, usage })),
};

const anthropic: ServerDialect = {
  name: "anthropic",
  title: "Anthropic's compatible endpoint",
  path: "/v1",
  key: "bearer",
  routes: ["chat"],
  sources: ["https://platform.claude.com/docs/en/api/openai-sdk"],
  heed: ({ response_format: _ignored, reasoning_effort: _ignoredToo, ...body }) => body,
  error: ({ message, code }) => ({ error: { code, message, type: "invalid_request_error", param: null } }),
  content: (content, isJson) => isJson ? `\`\`\`json\n${content}\n\`\`\`` : content,
};

/** No server in particular: what gateways and small servers do, all of it at once. */
const strict: ServerDialect = {
  name: "strict",
  title: "Gateways and small servers, their oddities together",
  path: "/v1",
  key: "bearer",
  routes: ["chat", "images", "transcriptions", "speech"],
  sources: [
    "https://github.com/vercel/ai/issues/7417",
    "https://github.com/langchain-ai/langchain/issues/18317",
    "https://github.com/Vexa-ai/vexa/issues/1342",
  ],
  refuse(route, body) {
    if (route === "images") return without(body, "quality", "quality is not supported");
    if (route !== "chat") return without(body, "response_format", "response_format is not supported");
    const roles = (body.messages as { role?: string }[] | undefined)?.map(({ role }) => role);
    if (roles?.includes("system")) return new OpenAiError(400, "System role not supported");
    return without(body, "max_tokens", "Unrecognized request argument supplied: max_tokens") ??
      without(body, "stream_options", "Unrecognized request argument supplied: stream_options") ??
      without(body, "response_format", "response_format is not supported");
  },
  error: ({ message }) => ({ detail: message }),
  finishReason: (reason) => reason === "stop" ? "eos_token" : reason,
  content: (content, isJson) =>
    isJson ? `<think>JSON it is.</think>\n\`\`\`\n${content}\n\`\`\`\nI hope that helps!` : content,
  // The last piece has the usage and no choices at all.
  stream: (events, usage) => [
    ...events.filter(({ choices }) => (choices as unknown[]).length > 0),
    { usage: usage as Record<string, unknown> },
  ],
  isWithoutDone: true,
  transcript: ({ text }) => ({
    text,
    duration: "N/A",
    segments: [{ start: "0.0", end: "1.5", text }, { start: 1.5, end: null, text }],
  }),
};

/** Every dialect that the demo model speaks, by its name in the address. */
export const DIALECTS: ServerDialect[] = [
  openai,
  azure,
  ollama,
  vllm,
  llamacpp,
  lmstudio,
  openrouter,
  groq,
  mistral,
  deepseek,
  gemini,
  anthropic,
  strict,
];
