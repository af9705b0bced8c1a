import type { Bodies } from "../support/bodies.ts";

export default {
  sample: {
    inventory: [
      { name: "rice", quantity: 1, unit: "kg" },
      { name: "olive oil", quantity: 0.5, unit: "l" },
      { name: "eggs", quantity: 6, unit: "piece" },
    ],
    goals: ["more protein at breakfast", "cook twice a week"],
    diet: "none",
    allergies: ["peanuts"],
  },
  largest: {
    inventory: Array.from({ length: 200 }, (_, index) => ({
      name: `${index} ${"材".repeat(76)}`,
      quantity: 100_000,
      unit: "piece",
    })),
    goals: Array.from({ length: 10 }, () => "願".repeat(200)),
    diet: "菜".repeat(100),
    allergies: Array.from({ length: 20 }, () => "ệ".repeat(40)),
  },
} satisfies Bodies;
