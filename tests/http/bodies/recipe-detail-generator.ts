import type { Bodies } from "../support/bodies.ts";

export default {
  sample: {
    title: "Carrot and lentil soup",
    summary: "A thick soup of red lentils and carrots with cumin, ready in half an hour.",
    ingredients: ["red lentils", "carrots", "onions", "cumin"],
    servings: 4,
    diet: "vegan",
    allergies: ["celery"],
  },
  largest: {
    title: "湯".repeat(100),
    summary: "濃".repeat(400),
    ingredients: Array.from({ length: 40 }, () => "豆".repeat(60)),
    servings: 12,
    diet: "菜".repeat(100),
    allergies: Array.from({ length: 20 }, () => "ệ".repeat(40)),
  },
} satisfies Bodies;
