import type { Bodies } from "../support/bodies.ts";

const stock = Array.from({ length: 60 }, (_, index) => ({
  name: `${index} ${"食".repeat(77)}`,
  quantity: 100_000,
  unit: "piece",
}));

export default {
  sample: {
    days: 3,
    target: { energy_kcal: 2_100, protein_g: 110 },
    allergies: ["peanuts", "sesame"],
    inventory: [{ name: "red lentils", quantity: 500, unit: "g" }, {
      name: "carrots",
      quantity: 6,
      unit: "piece",
    }],
    snacks: 1,
    preferences: "quick lunches",
  },
  largest: {
    days: 14,
    target: { energy_kcal: 6_000, protein_g: 375, carbohydrate_g: 750, fat_g: 166 },
    diet: "菜".repeat(100),
    allergies: Array.from({ length: 20 }, (_, index) => `${"ệ".repeat(38)}${index}`.slice(0, 40)),
    inventory: stock,
    snacks: 2,
    preferences: "好".repeat(500),
  },
} satisfies Bodies;
