import type { Bodies } from "../support/bodies.ts";

export default {
  sample: {
    date: "2026-02-28",
    meals: [
      { name: "porridge", energy_kcal: 420.5, protein_g: 14.1, carbohydrate_g: 62.3, fat_g: 11.2 },
      { name: "lentil soup", energy_kcal: 610, protein_g: 33, carbohydrate_g: 80, fat_g: 14 },
    ],
    targets: { energy_kcal: 2000, protein_g: 90, carbohydrate_g: 230, fat_g: 70 },
  },
  largest: {
    date: "9999-12-31",
    meals: Array.from({ length: 30 }, () => ({
      name: "食".repeat(100),
      energy_kcal: 20_000,
      protein_g: 2_000,
      carbohydrate_g: 2_000,
      fat_g: 2_000,
    })),
    targets: { energy_kcal: 20_000, protein_g: 2_000, carbohydrate_g: 2_000, fat_g: 2_000 },
  },
} satisfies Bodies;
