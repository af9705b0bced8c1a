import { wav, webm } from "../../support/recordings.ts";
import type { Bodies } from "../support/bodies.ts";

export default {
  sample: { file: webm(150), weight_kg: 70, locale: "en" },
  largest: { file: wav(299.5, { rate: 40_000, bits: 16 }), description: "走".repeat(2_000), weight_kg: 400 },
} satisfies Bodies;
