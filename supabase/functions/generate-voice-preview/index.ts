import { z } from "zod";

import { defineFeature } from "../_shared/feature.ts";
import { charactersIn } from "../_shared/ledger/price.ts";

const Input = z.object({
  text: z.string().trim().min(1).max(300),
  voice: z.enum(["alloy", "ash", "coral", "echo", "fable", "nova", "onyx", "sage", "shimmer"]).default(
    "nova",
  ),
  speed: z.number().min(0.5).max(2).default(1),
});

const Output = z.object({
  audio: z.object({ path: z.string(), media_type: z.string(), signed_url: z.url() }),
  characters: z.int(),
});

/** Turns a short text into speech, stored in the caller's folder of the private bucket; charged per character. */
export default defineFeature({
  name: "generate-voice-preview",
  price: { per_call: 1, per_1k_characters: 15 },
  limits: ({ text }) => ({ characters: charactersIn(text) }),
  input: Input,
  output: Output,
  async run({ input, models, files }) {
    const { bytes, mediaType } = await models.speech(input);
    return { audio: await files.save(bytes, mediaType), characters: charactersIn(input.text) };
  },
}) satisfies Deno.ServeDefaultExport;
