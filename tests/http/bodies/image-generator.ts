import type { Bodies } from "../support/bodies.ts";

export default {
  sample: { prompt: "a bowl of lentil soup on a wooden table", count: 2 },
  largest: { prompt: "画".repeat(1_000), size: "1536x1024", count: 4 },
} satisfies Bodies;
