import { defineEndpoint } from "../../../supabase/functions/_shared/endpoint.ts";
import { createModels } from "../../../supabase/functions/_shared/models.ts";
import { modelSettings } from "../../../supabase/functions/_shared/models/settings.ts";
import { USUAL_LIMITS } from "../../../supabase/functions/_shared/price.ts";
import type { ModelsConfig } from "../../../supabase/functions/_shared/provider.ts";
import { Input, Output, SYSTEM } from "../question.ts";

let config: ModelsConfig | undefined;

/** The same call of a model as in bench-metered, and nothing of the ledger. */
export default defineEndpoint({
  name: "bench-unmetered",
  auth: "user",
  method: "POST",
  input: Input,
  async handle({ input, requestId }) {
    config ??= readConfig();
    const models = createModels({ config, maxOutputTokens: USUAL_LIMITS.output_tokens, requestId });
    const data = Output.parse({ answer: await models.text({ system: SYSTEM, user: input.question }) });
    const { model, input_tokens, output_tokens } = models.usage();
    return Response.json({ data, usage: { request_id: requestId, model, input_tokens, output_tokens } });
  },
}) satisfies Deno.ServeDefaultExport;

function readConfig(): ModelsConfig {
  const settings = modelSettings();
  return {
    baseUrl: settings.AI_BASE_URL,
    apiKey: settings.AI_API_KEY,
    textModel: settings.AI_TEXT_MODEL,
    visionModel: settings.AI_VISION_MODEL,
    imageModel: settings.AI_IMAGE_MODEL,
    transcribeModel: settings.AI_TRANSCRIBE_MODEL,
    speechModel: settings.AI_SPEECH_MODEL,
    timeoutMs: settings.AI_TIMEOUT_MS,
  };
}
