import type { Bodies } from "../support/bodies.ts";

export default {
  sample: { lines: ["500 g red lentils", "2x milk 1l", "some carrots", "TOTAL 12.40"] },
  largest: { lines: Array.from({ length: 100 }, () => "品".repeat(200)) },
} satisfies Bodies;
