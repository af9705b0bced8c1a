import { defineFeature } from "../../../supabase/functions/_shared/feature.ts";
import { Input, Output, SYSTEM } from "../question.ts";

/** One charged model call. */
export default defineFeature({
  name: "bench-metered",
  price: { per_call: 1, per_1k_output_tokens: 1 },
  input: Input,
  output: Output,
  async run({ input, models }) {
    return { answer: await models.text({ system: SYSTEM, user: input.question }) };
  },
}) satisfies Deno.ServeDefaultExport;
