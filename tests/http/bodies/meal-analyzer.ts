import { type Bodies, PIXEL_URL } from "../support/bodies.ts";

export default {
  sample: { photo: PIXEL_URL, description: "lentil soup with bread", locale: "en" },
  largest: { description: "湯".repeat(2_000) },
} satisfies Bodies;
