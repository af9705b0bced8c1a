import { z } from "zod";

import type { WeekTotals } from "./weeks.ts";

const GOALS = ["sessions", "duration_min", "distance_km"] as const;

/** A user's goals for each week: at least one. */
export const WeeklyGoals = z.object({
  sessions: z.int().min(1).max(21).optional(),
  duration_min: z.number().min(10).max(3_000).optional(),
  distance_km: z.number().min(1).max(1_000).optional(),
}).refine((goals) => GOALS.some((goal) => goals[goal]), `Set one or more of ${GOALS.join(", ")}`);

/** How far a goal is reached in the last week, and for how many consecutive weeks it has been reached. */
export const GoalProgress = z.object({
  goal: z.enum(GOALS),
  target: z.number(),
  done: z.number(),
  percent: z.number(),
  streak_weeks: z.int(),
});

export type GoalProgress = z.infer<typeof GoalProgress>;

/** The progress towards each goal that is set, from the totals of one or more weeks, oldest first. */
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

/** The number of consecutive true values at the end. A false last value is skipped: the current week is not over. */
function lastRun(reached: boolean[]): number {
  const over = reached.at(-1) ? reached : reached.slice(0, -1);
  return over.length - 1 - over.lastIndexOf(false);
}
