import { type Bodies, PIXEL_URL } from "../support/bodies.ts";

export default {
  sample: { photos: [PIXEL_URL, PIXEL_URL] },
  largest: { photos: Array.from({ length: 4 }, () => PIXEL_URL) },
} satisfies Bodies;
