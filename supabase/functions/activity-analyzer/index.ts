import { z } from "zod";

import { expectedMaxBpm } from "../_app/activity/heart_rate.ts";
import { analyse, MeasuredSession, SessionAnalysis } from "../_app/activity/sessions.ts";
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
import { rounded } from "../_app/statistics/trend.ts";

const Athlete = z.object({
  sex: z.enum(["female", "male"]),
  age: z.int().min(12).max(100),
  resting_heart_rate_bpm: z.int().min(30).max(110),
  max_heart_rate_bpm: z.int().min(120).max(230).optional(),
});

const Input = z.object({
  sessions: z.array(MeasuredSession).min(1).max(10),
  athlete: Athlete,
  locale: Locale,
});

const Analysis = SessionAnalysis.extend({ session_id: z.string() });

const Output = z.object({
  max_heart_rate_bpm: z.int(),
  max_heart_rate_estimated: z.boolean(),
  sessions: z.array(Analysis),
  total_trimp: z.number(),
  total_duration_min: z.number(),
  advice: z.array(Insight),
});

/** Analyzes training sessions by heart rate. Zones, load and pace are computed; the model's advice refers to them. */
export default defineFeature({
  name: "activity-analyzer",
  price: { per_call: 2, per_1k_input_tokens: 1, per_1k_output_tokens: 4 },
  limits: { prompt_tokens: 3_000, output_tokens: 1_500 },
  input: Input,
  output: Output,
  async run({ input: { sessions, athlete, locale }, models }) {
    const { age, resting_heart_rate_bpm, max_heart_rate_bpm, sex } = athlete;
    const range = { resting_bpm: resting_heart_rate_bpm, max_bpm: max_heart_rate_bpm ?? expectedMaxBpm(age) };
    const analyses = sessions.map((session, index) => ({
      session_id: `session_${index + 1}`,
      ...analyse(session, range, sex),
    }));
    const totals = {
      total_trimp: rounded(analyses.reduce((sum, { trimp }) => sum + trimp, 0)),
      total_duration_min: rounded(analyses.reduce((sum, { duration_min }) => sum + duration_min, 0)),
    };
    const facts = [
      { id: "all.trimp", value: totals.total_trimp, unit: "TRIMP" },
      { id: "all.duration", value: totals.total_duration_min, unit: "min" },
      ...analyses.flatMap(factsOf),
    ];
    const { advice } = await models.object({
      schema: z.object({ advice: insightsOn(facts) }),
      draft: insightsDraft(facts, "advice"),
      system: `You are an endurance coach who reads training data for people who train for their health.
Advise on the next days of training: recovery, intensity, variety. You get the athlete, the sessions and the computed facts:
load as Banister's training impulse (TRIMP), pace, and the share of time at vigorous or higher heart rates.
${INSIGHT_RULES}
Write in the language "${locale}".`,
      user: JSON.stringify({
        athlete: { sex, age },
        sessions: analyses.map(({ session_id, date, activity }) => ({ session_id, date, activity })),
        facts,
      }),
    });
    return {
      max_heart_rate_bpm: range.max_bpm,
      max_heart_rate_estimated: max_heart_rate_bpm === undefined,
      sessions: analyses,
      ...totals,
      advice: quoting(facts, advice),
    };
  },
}) satisfies Deno.ServeDefaultExport;

function factsOf(
  { session_id, trimp, pace_s_per_km, zones, duration_min }: z.infer<typeof Analysis>,
): Fact[] {
  const hard_min = zones && zones.vigorous_min + zones.near_maximal_min;
  return [
    { id: `${session_id}.trimp`, value: trimp, unit: "TRIMP" },
    ...pace_s_per_km === null ? [] : [{ id: `${session_id}.pace`, value: pace_s_per_km, unit: "s/km" }],
    ...hard_min === null
      ? []
      : [{ id: `${session_id}.hard_time`, value: rounded(100 * hard_min / duration_min), unit: "%" }],
  ];
}
