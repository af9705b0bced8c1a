import type { ModelsConfig } from "./provider.ts";
import { modelSettings } from "./settings.ts";

let known: ModelsConfig | undefined;

/** The model server in the settings. Throws `internal` for an invalid setting. */
export function modelsConfig(): ModelsConfig {
  known ??= configOf(modelSettings());
  return known;
}

function configOf(settings: ReturnType<typeof modelSettings>): ModelsConfig {
  return {
    baseUrl: settings.AI_BASE_URL,
    apiKey: settings.AI_API_KEY,
    textModel: settings.AI_TEXT_MODEL,
    visionModel: settings.AI_VISION_MODEL,
    imageModel: settings.AI_IMAGE_MODEL,
    transcribeModel: settings.AI_TRANSCRIBE_MODEL,
    speechModel: settings.AI_SPEECH_MODEL,
    timeoutMs: settings.AI_TIMEOUT_MS,
    structuredOutput: settings.AI_STRUCTURED_OUTPUT,
    reasoningEffort: settings.AI_REASONING_EFFORT,
  };
}
