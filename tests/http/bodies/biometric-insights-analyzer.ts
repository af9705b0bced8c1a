import type { Bodies } from "../support/bodies.ts";

const dates = Array.from(
  { length: 180 },
  (_, index) => new Date(Date.UTC(2026, 0, 1 + index)).toISOString().slice(0, 10),
);

export default {
  sample: {
    series: {
      weight_kg: [82.4, 82.1, 82.3, 81.8, 81.6, 81.7].map((value, index) => ({ date: dates[index], value })),
      resting_heart_rate_bpm: [58, 57, 59, 58].map((value, index) => ({ date: dates[index], value })),
    },
  },
  largest: {
    series: {
      weight_kg: dates.map((date, index) => ({ date, value: 300 + index / 7 })),
      hrv_ms: dates.map((date, index) => ({ date, value: 301 - index % 11 / 7 })),
      sleep_h: dates.map((date, index) => ({ date, value: index % 24 + 1 / 7 })),
      resting_heart_rate_bpm: dates.map((date, index) => ({
        date,
        value: index === 90 ? 20 : 199 - index / 7,
      })),
    },
  },
} satisfies Bodies;
