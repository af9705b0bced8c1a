import { z } from "zod";

import { GoalProgress, progressOf, WeeklyGoals } from "../_app/activity/goals.ts";
import { ACTIVITIES, energyKcal, INTENSITIES } from "../_app/activity/met.ts";
import { fitPlan, maxWeeklyMin, WEEKDAYS } from "../_app/activity/plan.ts";
import { isoWeekOf, mondayOf, weeklyTotals, WeekTotals } from "../_app/activity/weeks.ts";
import { defineFeature } from "../_shared/feature.ts";
import { Locale } from "../_shared/inputs.ts";
import { addDays, Day, streaksOf } from "../_app/statistics/days.ts";
import { Insight, INSIGHT_RULES, insightsDraft, insightsOn, quoting } from "../_app/statistics/facts.ts";

const Effort = { activity: z.enum(ACTIVITIES), intensity: z.enum(INTENSITIES) };

const Input = z.object({
  /** The user's current day; later sessions are ignored. */
  date: Day,
  sessions: z.array(z.object({
    date: z.iso.date(),
    ...Effort,
    duration_min: z.number().min(1).max(1_440),
    distance_km: z.number().min(0).max(1_000).optional(),
  })).min(1).max(200),
  goals: WeeklyGoals,
  mass_kg: z.number().min(25).max(350),
  weeks: z.int().min(1).max(26).default(8),
  locale: Locale,
});

const Planned = z.object({
  weekday: z.enum(WEEKDAYS),
  ...Effort,
  duration_min: z.int().min(10).max(240),
  focus: z.string().min(1).max(200),
});

const Output = z.object({
  weeks: z.array(WeekTotals),
  streak: z.object({ current_days: z.int(), longest_days: z.int() }),
  /** This week's. */
  goals: z.array(GoalProgress),
  next_week: z.object({
    week: z.string(),
    most_duration_min: z.int(),
    duration_min: z.int(),
    sessions: z.array(Planned.extend({ date: z.iso.date(), energy_kcal: z.int() })),
  }),
  insights: z.array(Insight),
});

/**
 * Compares weeks of training with their goals. Totals, streaks and progress are computed; next week's plan is limited
 * to a safe load.
 */
export default defineFeature({
  name: "activity-progress-generator",
  price: { per_call: 3, per_1k_input_tokens: 1, per_1k_output_tokens: 4 },
  limits: { prompt_tokens: 3_000, output_tokens: 2_500 },
  input: Input,
  output: Output,
  async run({ input, models }) {
    const { date, mass_kg, locale } = input;
    const sessions = input.sessions.map((session) => ({
      ...session,
      energy_kcal: energyKcal({ ...session, mass_kg }),
    }));
    const weeks = weeklyTotals(sessions, date, input.weeks);
    const streak = streaksOf(sessions.map((session) => session.date), date);
    const goals = progressOf(input.goals, weeks);
    const most_duration_min = maxWeeklyMin(
      weeklyTotals(sessions, date, 4).map(({ duration_min }) => duration_min),
    );
    const facts = [
      { id: "streak.current", value: streak.current_days, unit: "days" },
      { id: "this_week.duration", value: weeks.at(-1)!.duration_min, unit: "min" },
      { id: "this_week.energy", value: weeks.at(-1)!.energy_kcal, unit: "kcal" },
      ...goals.flatMap(({ goal, percent, streak_weeks }) => [
        { id: `goal.${goal}`, value: percent, unit: "%" },
        { id: `goal.${goal}.streak`, value: streak_weeks, unit: "weeks" },
      ]),
    ];
    const { insights, plan } = await models.object({
      schema: z.object({ insights: insightsOn(facts, 4), plan: z.array(Planned).min(1).max(7) }),
      draft: insightsDraft(facts, "insights"),
      system: `You are a fitness coach who plans a week at a time for people who train for their health.
You get weekly totals, computed facts about the goals, and which activities were done.
First, insights on the facts. ${INSIGHT_RULES}
Then a plan for next week towards the goals: at most one session a day and one day of rest or more, hard days apart, mostly
activities that were done before, no more than ${most_duration_min} minutes together. focus is one sentence on how to do it.
Write in the language "${locale}"; names of activities stay as they are.`,
      user: JSON.stringify({
        today: date,
        goals: input.goals,
        weeks: weeks.slice(-4).map(({ week, sessions, duration_min }) => ({ week, sessions, duration_min })),
        activities: [...new Set(sessions.map(({ activity }) => activity))],
        facts,
      }),
    });
    const monday = addDays(mondayOf(date), 7);
    const planned = fitPlan(plan, most_duration_min).map((session) => ({
      ...session,
      date: addDays(monday, WEEKDAYS.indexOf(session.weekday)),
      energy_kcal: energyKcal({ ...session, mass_kg }),
    }));
    return {
      weeks,
      streak,
      goals,
      next_week: {
        week: isoWeekOf(monday),
        most_duration_min,
        duration_min: planned.reduce((sum, { duration_min }) => sum + duration_min, 0),
        sessions: planned,
      },
      insights: quoting(facts, insights),
    };
  },
}) satisfies Deno.ServeDefaultExport;
