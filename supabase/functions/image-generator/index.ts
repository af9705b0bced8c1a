import { z } from "zod";

import { defineFeature } from "../_shared/feature.ts";

const Input = z.object({
  prompt: z.string().trim().min(1).max(1_000),
  size: z.enum(["1024x1024", "1024x1536", "1536x1024"]).default("1024x1024"),
  count: z.int().min(1).max(4).default(1),
});

const Output = z.object({
  images: z.array(z.object({ path: z.string(), media_type: z.string(), signed_url: z.url() })).min(1),
});

/** Generates pictures, stored in the caller's folder of the private bucket; charged per delivered picture. */
export default defineFeature({
  name: "image-generator",
  price: { per_image: 40 },
  limits: ({ count }) => ({ images: count }),
  input: Input,
  output: Output,
  async run({ input, models, files }) {
    const pictures = await models.image(input);
    return {
      images: await Promise.all(pictures.map(({ bytes, mediaType }) => files.save(bytes, mediaType))),
    };
  },
}) satisfies Deno.ServeDefaultExport;
