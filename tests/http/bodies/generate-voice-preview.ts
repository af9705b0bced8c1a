import type { Bodies } from "../support/bodies.ts";

export default {
  sample: {
    text: "Good morning. Three rounds today, and a short rest after each.",
    voice: "coral",
    speed: 1.2,
  },
  largest: { text: "食".repeat(300), voice: "nova", speed: 0.5 },
} satisfies Bodies;
