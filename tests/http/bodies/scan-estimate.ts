import { type Bodies, PIXEL_URL } from "../support/bodies.ts";

export default {
  sample: { front: PIXEL_URL, side: PIXEL_URL, height_cm: 172, weight_kg: 70, sex: "female", age: 34 },
  largest: { front: PIXEL_URL, side: PIXEL_URL, height_cm: 230, weight_kg: 300, sex: "male", age: 100 },
} satisfies Bodies;
