import { z } from "zod";

import { durationsOf, Fast, totalHours } from "../_app/fasting/fasts.ts";
import { hoursByPhase, PHASES } from "../_app/fasting/phases.ts";
import { defineFeature } from "../_shared/feature.ts";
import { Locale } from "../_shared/inputs.ts";
import { Insight, INSIGHT_RULES, insightsDraft, insightsOn, quoting } from "../_app/statistics/facts.ts";
import { median } from "../_app/statistics/outliers.ts";
import { rounded, Trend, trendOf } from "../_app/statistics/trend.ts";

const Input = z.object({
  fasts: z.array(Fast).min(1).max(90),
  locale: Locale,
});

const Phase = z.object({
  phase: z.enum(PHASES.map(({ phase }) => phase)),
  from_h: z.number(),
  to_h: z.number().nullable(),
  fasts: z.int(),
  total_h: z.number(),
});

const Output = z.object({
  total_h: z.number(),
  median_h: z.number(),
  /** Of the durations in hours. */
  trend: Trend,
  phases: z.array(Phase),
  insights: z.array(Insight),
});

/** Finds insights in a series of fasts. Phases and statistics are computed; the insights refer to them. */
export default defineFeature({
  name: "fasting-insights-generator",
  price: { per_call: 2, per_1k_input_tokens: 1, per_1k_output_tokens: 4 },
  limits: { output_tokens: 1_500 },
  input: Input,
  output: Output,
  async run({ input: { fasts, locale }, models }) {
    const durations = fasts.map(({ duration_h }) => duration_h);
    const trend = trendOf(durationsOf(fasts));
    const [total_h, median_h] = [totalHours(durations), rounded(median(durations))];
    const phases = PHASES.map((phase) => {
      const hours = durations.map((duration) => hoursByPhase(duration)[phase.phase]);
      return { ...phase, fasts: hours.filter((one) => one > 0).length, total_h: totalHours(hours) };
    });
    const facts = [
      { id: "count", value: trend.count, unit: "fasts" },
      { id: "mean", value: trend.mean, unit: "h" },
      { id: "median", value: median_h, unit: "h" },
      { id: "longest", value: trend.max, unit: "h" },
      ...trend.slope_per_week === null
        ? []
        : [{ id: "slope_per_week", value: trend.slope_per_week, unit: "h/week" }],
      ...phases.map(({ phase, total_h }) => ({ id: `${phase}.total`, value: total_h, unit: "h" })),
    ];
    const { insights } = await models.object({
      schema: z.object({ insights: insightsOn(facts) }),
      draft: insightsDraft(facts, "insights"),
      system: `You are a nutrition coach who explains intermittent fasting without overselling it.
You get computed facts about finished fasts: durations, their trend, and the hours that fell in each metabolic phase
(absorbing, glycogen, switching, ketosis). The bounds of phases are estimates that differ by hours between people: promise no
effect. A trend with direction "none" is not a trend. Never encourage fasts over 24 hours; longer ones need a doctor's
advice, as does any fasting in pregnancy, under 18, with diabetes or after an eating disorder.
${INSIGHT_RULES}
Write in the language "${locale}".`,
      user: JSON.stringify({
        period: [trend.first_date, trend.last_date],
        direction: trend.direction,
        phases: PHASES,
        facts,
      }),
    });
    return { total_h, median_h, trend, phases, insights: quoting(facts, insights) };
  },
}) satisfies Deno.ServeDefaultExport;
