import { z } from "zod";

import { durationsOf, Fast } from "../_app/fasting/fasts.ts";
import { adherenceOf, nextTarget, SAFE_TARGET_H } from "../_app/fasting/target.ts";
import { defineFeature } from "../_shared/feature.ts";
import { Locale } from "../_shared/inputs.ts";
import { Day, streaksOf } from "../_app/statistics/days.ts";
import { Insight, INSIGHT_RULES, insightsDraft, insightsOn, quoting } from "../_app/statistics/facts.ts";
import { rounded, Trend, trendOf } from "../_app/statistics/trend.ts";

const TargetHours = z.number().min(SAFE_TARGET_H.min).max(SAFE_TARGET_H.own_max);

const Input = z.object({
  /** The user's current day; fasts that end later are ignored. */
  date: Day,
  target_h: TargetHours,
  fasts: z.array(Fast).min(1).max(90),
  locale: Locale,
});

const Output = z.object({
  fasts: z.int(),
  adherence_percent: z.number().nullable(),
  /** Consecutive days with a fast that reached the target. */
  streak: z.object({ current_days: z.int(), longest_days: z.int() }),
  /** Of the durations in hours. */
  trend: Trend.nullable(),
  next_target_h: TargetHours,
  step: z.enum(["raise", "keep", "lower"]),
  insights: z.array(Insight),
});

/** Compares fasts with their target. The next target is computed within safe bounds; the model only explains. */
export default defineFeature({
  name: "fasting-progression-analyzer",
  price: { per_call: 2, per_1k_input_tokens: 1, per_1k_output_tokens: 4 },
  limits: { output_tokens: 1_500 },
  input: Input,
  output: Output,
  async run({ input: { date, target_h, fasts, locale }, models }) {
    const done = fasts.filter((fast) => fast.date <= date)
      .toSorted((one, other) => one.date < other.date ? -1 : Number(one.date > other.date));
    const durations = done.map(({ duration_h }) => duration_h);
    const adherence = adherenceOf(durations, target_h);
    const progress = {
      fasts: done.length,
      adherence_percent: adherence === null ? null : rounded(100 * adherence),
      streak: streaksOf(
        done.filter(({ duration_h }) => duration_h >= target_h).map((fast) => fast.date),
        date,
      ),
      trend: done.length === 0 ? null : trendOf(durationsOf(done)),
      ...nextTarget(durations, target_h),
    };
    const { trend, adherence_percent, streak, next_target_h, step } = progress;
    const facts = [
      { id: "next_target", value: next_target_h, unit: "h" },
      { id: "streak.current", value: streak.current_days, unit: "days" },
      { id: "streak.longest", value: streak.longest_days, unit: "days" },
      ...adherence_percent === null ? [] : [{ id: "adherence", value: adherence_percent, unit: "%" }],
      ...trend === null ? [] : [{ id: "mean", value: trend.mean, unit: "h" }],
    ];
    const { insights } = await models.object({
      schema: z.object({ insights: insightsOn(facts) }),
      draft: insightsDraft(facts, "insights"),
      system: `You are a nutrition coach who helps people to keep up intermittent fasting without strain.
You get computed facts: the part of fasts that reached the target, days in a row, mean duration, and the next target, which is
decided: explain it, and propose no other. A lower target is no failure, and a kept one no standstill. A trend with direction
"none" is not a trend. Any fasting in pregnancy, under 18, with diabetes or after an eating disorder needs a doctor's advice.
${INSIGHT_RULES}
Write in the language "${locale}".`,
      user: JSON.stringify({ target_h, step, direction: trend?.direction ?? "none", facts }),
    });
    return { ...progress, insights: quoting(facts, insights) };
  },
}) satisfies Deno.ServeDefaultExport;
