import { mp3, wav } from "../../support/recordings.ts";
import type { Bodies } from "../support/bodies.ts";

export default {
  sample: { file: mp3(150), language: "en" },
  largest: { file: wav(25 * 1024 * 1024 / 8_000 - 1) },
} satisfies Bodies;
