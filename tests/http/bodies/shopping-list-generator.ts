import type { Bodies } from "../support/bodies.ts";

export default {
  sample: {
    recipes: [
      {
        title: "Pancakes",
        ingredients: [
          { name: "flour", quantity: 2, unit: "cup" },
          { name: "milk", quantity: 300, unit: "ml" },
          { name: "eggs", quantity: 3, unit: "piece" },
        ],
      },
      {
        title: "Crumble",
        ingredients: [
          { name: "plain flour", quantity: 200, unit: "g" },
          { name: "mirabelles", quantity: 0.8, unit: "kg" },
        ],
      },
    ],
    inventory: [{ name: "milk", quantity: 1, unit: "cup" }],
  },
  largest: {
    recipes: Array.from({ length: 15 }, (_, recipe) => ({
      title: "菜".repeat(100),
      ingredients: Array.from({ length: 40 }, (_, index) => ({
        name: `${recipe}x${index} ${"食".repeat(73)}`,
        quantity: 100_000,
        unit: "piece",
      })),
    })),
    inventory: Array.from({ length: 200 }, (_, index) => ({
      name: `${index} ${"材".repeat(76)}`,
      quantity: 100_000,
      unit: "cup",
    })),
  },
} satisfies Bodies;
