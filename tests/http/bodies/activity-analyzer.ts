import type { Bodies } from "../support/bodies.ts";

export default {
  sample: {
    sessions: [
      {
        date: "2026-02-23",
        activity: "running",
        duration_min: 42.5,
        distance_km: 7.8,
        heart_rate_samples_bpm: [96, 121, 138, 144, 147, 150, 152, 155, 158, 149],
      },
      { date: "2026-02-25", activity: "indoor_cycling", duration_min: 60, mean_heart_rate_bpm: 132 },
    ],
    athlete: { sex: "female", age: 41, resting_heart_rate_bpm: 58 },
  },
  largest: {
    sessions: Array.from({ length: 10 }, (_, index) => ({
      date: `9999-12-${10 + index}`,
      activity: "cross_country_skiing",
      duration_min: 1439.99,
      distance_km: 999.99,
      mean_heart_rate_bpm: 240,
      heart_rate_samples_bpm: Array.from({ length: 1_000 }, (_, second) => 100 + second % 141),
    })),
    athlete: { sex: "male", age: 100, resting_heart_rate_bpm: 110, max_heart_rate_bpm: 120 },
  },
} satisfies Bodies;
