/** The feature's price per call. */
export const FEATURE_PRICE = 3;

/** One small file, as the README has it. */
export const FEATURE = [
  "supabase/functions/pun-maker/index.ts",
  `import { z } from "zod";
import { defineFeature } from "../_shared/feature.ts";

/** Makes a pun about anything. */
export default defineFeature({
  name: "pun-maker",
  price: { per_call: ${FEATURE_PRICE} },
  input: z.object({ topic: z.string().min(1).max(200) }),
  output: z.object({ pun: z.string() }),
  run: ({ input, models }) =>
    models.object({
      schema: z.object({ pun: z.string() }),
      system: "You make puns. Make one about the topic that the user names.",
      user: input.topic,
    }),
}) satisfies Deno.ServeDefaultExport;
`,
] as const;

export const FEATURE_CONFIG = `
[functions.pun-maker]
verify_jwt = false
import_map = "./functions/deno.json"
`;
