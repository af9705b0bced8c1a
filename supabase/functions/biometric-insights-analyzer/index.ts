import { z } from "zod";

import { defineFeature } from "../_shared/feature.ts";
import { Locale } from "../_shared/inputs.ts";
import {
  type Fact,
  Insight,
  INSIGHT_RULES,
  insightsDraft,
  insightsOn,
  quoting,
} from "../_app/statistics/facts.ts";
import { Trend, trendOf } from "../_app/statistics/trend.ts";

/** Measures, with their units and possible ranges. */
const MEASURES = {
  weight_kg: { unit: "kg", min: 20, max: 400 },
  hrv_ms: { unit: "ms", min: 1, max: 400 },
  sleep_h: { unit: "h", min: 0, max: 24 },
  resting_heart_rate_bpm: { unit: "bpm", min: 20, max: 200 },
} as const;

type Measure = keyof typeof MEASURES;

const names = Object.keys(MEASURES) as [Measure, ...Measure[]];

function seriesOf({ min, max }: { min: number; max: number }) {
  const Points = z.array(z.object({ date: z.iso.date(), value: z.number().min(min).max(max) }));
  return Points.min(1).max(180).optional();
}

const Input = z.object({
  series: z.object({
    weight_kg: seriesOf(MEASURES.weight_kg),
    hrv_ms: seriesOf(MEASURES.hrv_ms),
    sleep_h: seriesOf(MEASURES.sleep_h),
    resting_heart_rate_bpm: seriesOf(MEASURES.resting_heart_rate_bpm),
  }).refine((series) => names.some((name) => series[name]), `Send one or more of ${names.join(", ")}`),
  locale: Locale,
});

const Output = z.object({
  series: z.array(Trend.extend({ measure: z.enum(names), unit: z.string() })),
  insights: z.array(Insight),
});

/**
 * Finds trends in weight, heart rate variability, sleep and resting pulse. All numbers are computed; the insights
 * refer to them.
 */
export default defineFeature({
  name: "biometric-insights-analyzer",
  price: { per_call: 2, per_1k_input_tokens: 1, per_1k_output_tokens: 4 },
  limits: { prompt_tokens: 2_500, output_tokens: 1_500 },
  input: Input,
  output: Output,
  async run({ input: { series, locale }, models }) {
    const trends = names.flatMap((measure) => {
      const points = series[measure];
      return points ? [{ measure, unit: MEASURES[measure].unit, ...trendOf(points) }] : [];
    });
    const facts = trends.flatMap(factsOf);
    const { insights } = await models.object({
      schema: z.object({ insights: insightsOn(facts) }),
      draft: insightsDraft(facts, "insights"),
      system: `You are a health coach who explains body data to the person that it comes from.
You get, for each measure, its trend and computed facts: mean, change over the period, slope, and how many outliers there are,
which may be wrong measurements. Look at the measures together: short sleep, a rising resting pulse and a falling heart rate
variability belong together. A trend with direction "none" is not a trend: never call it one.
${INSIGHT_RULES}
Write in the language "${locale}".`,
      user: JSON.stringify({
        trends: trends.map(({ measure, count, first_date, last_date, direction }) => ({
          measure,
          count,
          first_date,
          last_date,
          direction,
        })),
        facts,
      }),
    });
    return { series: trends, insights: quoting(facts, insights) };
  },
}) satisfies Deno.ServeDefaultExport;

function factsOf(
  { measure, unit, mean, change, slope_per_week, outliers }: z.infer<typeof Output>["series"][number],
): Fact[] {
  return [
    { id: `${measure}.mean`, value: mean, unit },
    ...change === null ? [] : [{ id: `${measure}.change`, value: change, unit }],
    ...slope_per_week === null
      ? []
      : [{ id: `${measure}.slope_per_week`, value: slope_per_week, unit: `${unit}/week` }],
    ...outliers.length === 0 ? [] : [{ id: `${measure}.outliers`, value: outliers.length, unit: "values" }],
  ];
}
