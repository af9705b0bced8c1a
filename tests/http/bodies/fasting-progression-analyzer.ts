import type { Bodies } from "../support/bodies.ts";

export default {
  sample: {
    date: "2026-02-27",
    target_h: 16,
    fasts: [
      { date: "2026-02-22", duration_h: 16.5 },
      { date: "2026-02-23", duration_h: 14 },
      { date: "2026-02-24", duration_h: 16 },
      { date: "2026-02-25", duration_h: 17.25 },
      { date: "2026-02-26", duration_h: 16 },
    ],
  },
  largest: {
    date: "9990-12-31",
    target_h: 23.999,
    fasts: Array.from({ length: 90 }, (_, index) => ({
      date: new Date(Date.UTC(9990, 0, 1 + index)).toISOString().slice(0, 10),
      duration_h: 71.999 - index / 7,
    })),
  },
} satisfies Bodies;
