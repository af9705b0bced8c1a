import { z } from "zod";

import { MealMacros } from "../_app/nutrition/macros.ts";
import { defineFeature } from "../_shared/feature.ts";
import { Locale } from "../_shared/inputs.ts";
import { addDays, Day, Gap, gapsOf } from "../_app/statistics/days.ts";
import {
  type Fact,
  Insight,
  INSIGHT_RULES,
  insightsDraft,
  insightsOn,
  quoting,
} from "../_app/statistics/facts.ts";
import { rounded, Trend, trendOf } from "../_app/statistics/trend.ts";

const NUTRIENTS = MealMacros.keyof().options;

const Input = z.object({
  logs: z.array(MealMacros.extend({ date: Day })).min(1).max(90)
    .refine(
      (logs) => new Set(logs.map(({ date }) => date)).size === logs.length,
      "Expected each day only once",
    ),
  /** The last day of the period. */
  until: Day,
  days: z.int().min(7).max(90),
  targets: MealMacros.optional(),
  locale: Locale,
});

const Output = z.object({
  from: z.iso.date(),
  to: z.iso.date(),
  logged_days: z.int(),
  gaps: z.array(Gap),
  nutrients: z.array(
    Trend.extend({ nutrient: z.enum(NUTRIENTS), mean_of_target_percent: z.number().nullable() }),
  ),
  insights: z.array(Insight),
});

/** Analyzes the nutrition of 7 to 90 days. Trends and gaps are computed; days outside the period are ignored. */
export default defineFeature({
  name: "nutrition-trend-analysis",
  price: { per_call: 2, per_1k_input_tokens: 1, per_1k_output_tokens: 4 },
  limits: { prompt_tokens: 2_500, output_tokens: 1_500 },
  input: Input,
  output: Output,
  async run({ input: { logs, until, days, targets, locale }, models }) {
    const period = { from: addDays(until, 1 - days), to: until };
    const logged = logs.filter(({ date }) => date >= period.from && date <= period.to);
    const gaps = gapsOf(logged.map(({ date }) => date), period);
    const nutrients = logged.length === 0 ? [] : NUTRIENTS.map((nutrient) => {
      const trend = trendOf(logged.map((log) => ({ date: log.date, value: log[nutrient] })));
      const target = targets?.[nutrient];
      return {
        nutrient,
        ...trend,
        mean_of_target_percent: target ? rounded(100 * trend.mean / target) : null,
      };
    });
    const facts = [
      { id: "logged_days", value: logged.length, unit: "days" },
      { id: "days_without_log", value: days - logged.length, unit: "days" },
      ...nutrients.flatMap(factsOf),
    ];
    const { insights } = await models.object({
      schema: z.object({ insights: insightsOn(facts) }),
      draft: insightsDraft(facts, "insights"),
      system: `You are a dietitian who reads food diaries of several weeks.
You get the period, the days that were not logged, and computed facts for energy and each macronutrient: mean of a day, change
over the period, and the mean in percent of the target. What was not logged is unknown, not uneaten: with many gaps, say that
the picture is incomplete before all else. A trend with direction "none" is not a trend: never call it one. Do not advise to
eat less than the body needs.
${INSIGHT_RULES}
Write in the language "${locale}".`,
      user: JSON.stringify({
        period,
        longest_gaps: gaps.toSorted((one, other) => other.days - one.days).slice(0, 5),
        directions: nutrients.map(({ nutrient, direction }) => ({ nutrient, direction })),
        facts,
      }),
    });
    return { ...period, logged_days: logged.length, gaps, nutrients, insights: quoting(facts, insights) };
  },
}) satisfies Deno.ServeDefaultExport;

function factsOf(
  { nutrient, mean, change, mean_of_target_percent }: z.infer<typeof Output>["nutrients"][number],
): Fact[] {
  const unit = nutrient.endsWith("_kcal") ? "kcal" : "g";
  return [
    { id: `${nutrient}.mean`, value: mean, unit: `${unit}/day` },
    ...change === null ? [] : [{ id: `${nutrient}.change`, value: change, unit: `${unit}/day` }],
    ...mean_of_target_percent === null
      ? []
      : [{ id: `${nutrient}.of_target`, value: mean_of_target_percent, unit: "%" }],
  ];
}
