import { type Bodies, PIXEL_URL } from "../support/bodies.ts";

export default {
  sample: { photos: [PIXEL_URL, PIXEL_URL], locale: "en" },
  largest: { photos: Array.from({ length: 6 }, () => PIXEL_URL), locale: "zh-Hant-TW" },
} satisfies Bodies;
