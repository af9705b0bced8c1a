import { z } from "zod";

import type { WeekTotals } from "./weeks.ts";

const GOALS = ["sessions", "duration_min", "distance_km"] as const;

/** What somebody wants to reach each week: one goal or more. */
export const WeeklyGoals = z.object({
  sessions: z.int().min(1).max(21).optional(),
  duration_min: z.number().min(10).max(3_000).optional(),
  distance_km: z.number().min(1).max(1_000).optional(),
}).refine((goals) => GOALS.some((goal) => goals[goal]), `Set one or more of ${GOALS.join(", ")}`);

/** How far a goal is reached in the last week, and in how many weeks in a row it was. */
export const GoalProgress = z.object({
  goal: z.enum(GOALS),
  target: z.number(),
  done: z.number(),
  percent: z.number(),
  streak_weeks: z.int(),
});

export type GoalProgress = z.infer<typeof GoalProgress>;

/** The progress to each goal that is set, from one week's totals or more, oldest first. */
export function progressOf(goals: z.infer<typeof WeeklyGoals>, weeks: WeekTotals[]): GoalProgress[] {
  return GOALS.flatMap((goal) => {
    const target = goals[goal];
    if (target === undefined) return [];
    const done = weeks.at(-1)![goal];
    const reached = weeks.map((week) => week[goal] >= target);
    return [{
      goal,
      target,
      done,
      percent: Math.round(1_000 * done / target) / 10,
      streak_weeks: lastRun(reached),
    }];
  });
}

/** How many of the last are true in a row; the very last may still become so and breaks no row. */
function lastRun(reached: boolean[]): number {
  const over = reached.at(-1) ? reached : reached.slice(0, -1);
  return over.length - 1 - over.lastIndexOf(false);
}
