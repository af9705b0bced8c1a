import { OpenAICompatibleChatLanguageModel, OpenAICompatibleImageModel } from "@ai-sdk/openai-compatible";

import { createAudioApi } from "./audio_api.ts";
import type { StructuredOutput } from "./dialect.ts";
import { connectTo } from "./connection.ts";
import { errorStructure } from "./provider_errors.ts";
import type { RetrySettings } from "./retries.ts";

/** Which provider to call and how long to wait; `env.ts` fills it, nothing here reads the environment. */
export interface ModelsConfig extends RetrySettings {
  /** An OpenAI-compatible API, with its version: `https://api.openai.com/v1`. */
  baseUrl: string;
  apiKey: string;
  textModel: string;
  /** Used in the text model's place when a request has images. */
  visionModel: string;
  imageModel: string;
  transcribeModel: string;
  speechModel: string;
  /** For the whole run: all calls, retries and waits together. */
  timeoutMs: number;
  /** How an object is requested: `auto`, the default, learns what the server accepts. */
  structuredOutput?: StructuredOutput | "auto";
  /** Sent as `reasoning_effort`, if set. */
  reasoningEffort?: string;
}

export type Provider = ReturnType<typeof makeProvider>;

/** One per configuration: creating one takes longer than using it for a call. */
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
    url: ({ path }: { path: string }) => connection.addressOf(path as `/${string}`),
    headers: connection.headers,
    fetch: connection.fetch,
    errorStructure,
  };
  const chatModel = (name: string) =>
    new OpenAICompatibleChatLanguageModel(name, { ...common, supportsStructuredOutputs: true });
  return {
    connection,
    text: chatModel(config.textModel),
    vision: chatModel(config.visionModel),
    image: new OpenAICompatibleImageModel(config.imageModel, common),
    audio: createAudioApi(connection),
  };
}
