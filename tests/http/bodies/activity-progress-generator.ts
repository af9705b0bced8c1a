import type { Bodies } from "../support/bodies.ts";

export default {
  sample: {
    date: "2026-02-27",
    sessions: [
      { date: "2026-02-10", activity: "running", intensity: "moderate", duration_min: 35, distance_km: 5.6 },
      { date: "2026-02-17", activity: "running", intensity: "moderate", duration_min: 40, distance_km: 6.5 },
      { date: "2026-02-19", activity: "yoga", intensity: "light", duration_min: 30 },
      { date: "2026-02-26", activity: "swimming", intensity: "vigorous", duration_min: 45, distance_km: 1.8 },
    ],
    goals: { duration_min: 150, sessions: 3 },
    mass_kg: 74,
  },
  largest: {
    date: "9990-12-31",
    sessions: Array.from({ length: 200 }, (_, index) => ({
      date: new Date(Date.UTC(9990, 11, 31 - index)).toISOString().slice(0, 10),
      activity: "open_water_swimming",
      intensity: "moderate",
      duration_min: 1439.999,
      distance_km: 999.999,
    })),
    goals: { sessions: 21, duration_min: 2999.999, distance_km: 999.999 },
    mass_kg: 349.999,
    weeks: 26,
  },
} satisfies Bodies;
