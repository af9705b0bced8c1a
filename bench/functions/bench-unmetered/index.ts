import { defineEndpoint } from "../../../supabase/functions/_shared/endpoint.ts";
import { createModels } from "../../../supabase/functions/_shared/models/models.ts";
import { modelsConfig } from "../../../supabase/functions/_shared/models/config.ts";
import { DEFAULT_LIMITS } from "../../../supabase/functions/_shared/ledger/price.ts";
import { Input, Output, SYSTEM } from "../question.ts";

/** The same model call as in bench-metered, without the ledger. */
export default defineEndpoint({
  name: "bench-unmetered",
  auth: "user",
  method: "POST",
  input: Input,
  async handle({ input, requestId }) {
    const models = createModels({
      config: modelsConfig(),
      maxOutputTokens: DEFAULT_LIMITS.output_tokens,
      requestId,
    });
    const data = Output.parse({ answer: await models.text({ system: SYSTEM, user: input.question }) });
    const { model, input_tokens, output_tokens } = models.usage();
    return Response.json({ data, usage: { request_id: requestId, model, input_tokens, output_tokens } });
  },
}) satisfies Deno.ServeDefaultExport;
