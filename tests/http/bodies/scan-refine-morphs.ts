import { type Bodies, PIXEL_URL } from "../support/bodies.ts";

export default {
  sample: {
    morphs: [
      { key: "waist_width", value: 0.2, min: -1, max: 1 },
      { key: "shoulder_width", value: 0, min: -1, max: 1 },
    ],
    photos: [PIXEL_URL],
    measures: { waist: 78, hip: 96.5 },
  },
  largest: {
    morphs: Array.from({ length: 60 }, (_, index) => ({
      key: `morph_${index}_`.padEnd(40, "x"),
      value: -999.9999,
      min: -1_000,
      max: 1_000,
    })),
    photos: [PIXEL_URL, PIXEL_URL],
    measures: { neck: 70, chest: 200, waist: 220, hip: 220, thigh: 120, calf: 80, upper_arm: 80 },
  },
} satisfies Bodies;
