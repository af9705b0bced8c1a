import { OpenAICompatibleChatLanguageModel, OpenAICompatibleImageModel } from "@ai-sdk/openai-compatible";

import { createAudioApi } from "./audio_api.ts";
import { connectTo } from "./provider_connection.ts";

/** Which provider to call and how long to wait; `env.ts` fills it, nothing here reads the environment. */
export interface ModelsConfig {
  /** An OpenAI-compatible API, with its version: `https://api.openai.com/v1`. */
  baseUrl: string;
  apiKey: string;
  textModel: string;
  /** Used in the text model's place when a request has images. */
  visionModel: string;
  imageModel: string;
  transcribeModel: string;
  speechModel: string;
  /** For the whole run, all its calls, retries and waits together. */
  timeoutMs: number;
  /** How often one call is tried again; 1 unless told otherwise. */
  maxRetries?: number;
  /** The first wait before a retry without `Retry-After`, doubled each time. */
  retryDelayMs?: number;
  /** A `Retry-After` above this is not waited for: the call fails at once. */
  maxRetryAfterMs?: number;
}

export type Provider = ReturnType<typeof makeProvider>;

/** One for each configuration: making one takes longer than all that is done with it for a call. */
const providers = new WeakMap<ModelsConfig, Provider>();

export function providerOf(config: ModelsConfig): Provider {
  const provider = providers.get(config) ?? makeProvider(config);
  providers.set(config, provider);
  return provider;
}

function makeProvider(config: ModelsConfig) {
  const connection = connectTo(config);
  const common = {
    provider: "provider.openai",
    url: ({ path }: { path: string }) => connection.baseUrl + path,
    headers: connection.headers,
    fetch: connection.fetch,
  };
  const chatModel = (name: string) =>
    new OpenAICompatibleChatLanguageModel(name, {
      ...common,
      supportsStructuredOutputs: true,
      includeUsage: true,
      transformRequestBody: ({ max_tokens, ...body }) => ({ ...body, [limitFieldFor(config)]: max_tokens }),
    });
  return {
    connection,
    text: chatModel(config.textModel),
    vision: chatModel(config.visionModel),
    image: new OpenAICompatibleImageModel(config.imageModel, common),
    audio: createAudioApi(connection),
  };
}

/** OpenAI's own newer models refuse `max_tokens`, and many compatible servers know nothing else. */
export function limitFieldFor(
  { baseUrl }: Pick<ModelsConfig, "baseUrl">,
): "max_completion_tokens" | "max_tokens" {
  const isOpenAi = /(?:^|\.)openai\.(?:azure\.)?com$/.test(new URL(baseUrl).hostname);
  return isOpenAi ? "max_completion_tokens" : "max_tokens";
}
