import type { Bodies } from "../support/bodies.ts";

export default {
  sample: { ingredients: ["lentils", "carrots", "onions"], servings: 3, diet: "vegan" },
  largest: {
    ingredients: Array.from({ length: 40 }, (_, index) => `${index} ${"豆".repeat(57)}`),
    servings: 12,
    diet: "菜".repeat(100),
    max_duration_min: 1_440,
  },
} satisfies Bodies;
