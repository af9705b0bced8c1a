import type { Bodies } from "../support/bodies.ts";

export default {
  sample: {
    logs: ["2026-02-14", "2026-02-15", "2026-02-16", "2026-02-19", "2026-02-20"].map((date, index) => ({
      date,
      energy_kcal: 2_050 + 40 * index,
      protein_g: 84.5 - index,
      carbohydrate_g: 240,
      fat_g: 70 + 1.5 * index,
    })),
    until: "2026-02-21",
    days: 14,
    targets: { energy_kcal: 2_000, protein_g: 90, carbohydrate_g: 230, fat_g: 70 },
  },
  largest: {
    logs: Array.from({ length: 90 }, (_, index) => ({
      date: new Date(Date.UTC(9990, 11, 31 - index)).toISOString().slice(0, 10),
      energy_kcal: 19_999 - index / 7,
      protein_g: 1_999 - index / 7,
      carbohydrate_g: 1_999 - index / 7,
      fat_g: 1_999 - index / 7,
    })),
    until: "9990-12-31",
    days: 90,
    targets: { energy_kcal: 20_000, protein_g: 2_000, carbohydrate_g: 2_000, fat_g: 2_000 },
  },
} satisfies Bodies;
