import type { Bodies } from "../support/bodies.ts";

export default {
  sample: {
    fasts: [
      { date: "2026-02-20", duration_h: 14.5 },
      { date: "2026-02-21", duration_h: 16 },
      { date: "2026-02-23", duration_h: 16.25 },
      { date: "2026-02-24", duration_h: 13 },
      { date: "2026-02-26", duration_h: 38 },
    ],
  },
  largest: {
    fasts: Array.from({ length: 90 }, (_, index) => ({
      date: new Date(Date.UTC(9999, 0, 1 + index)).toISOString().slice(0, 10),
      duration_h: 71.999 - index / 7,
    })),
  },
} satisfies Bodies;
