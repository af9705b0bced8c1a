import { type Bodies, PIXEL_URL } from "../support/bodies.ts";

export default {
  sample: { photo: PIXEL_URL, locale: "en" },
  largest: { photo: PIXEL_URL.replace(/=*$/, "") + "A".repeat(4_000_000), locale: "en" },
} satisfies Bodies;
