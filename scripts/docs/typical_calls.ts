import type { PricedUsage } from "../../supabase/functions/_shared/ledger/price.ts";

/** A typical call, if it differs from the tests' usual body and a usual answer. */
export interface TypicalCall {
  what: string;
  /** Tokens of the answer itself, per model call. */
  output_tokens: number;
  /** How many calls of a text model. Default: 1. */
  calls?: number;
  /** The length of the recording. */
  seconds?: number;
  /** Fields that replace those of the tests' body. */
  body?: Record<string, unknown>;
  /** The whole usage of a conversation, which is more than one call. */
  usage?: Partial<PricedUsage>;
}

const days = (count: number) =>
  Array.from({ length: count }, (_, day) => new Date(Date.UTC(2026, 0, 1 + day)).toISOString().slice(0, 10));

/** For features that are not listed below: a short object. */
export const DEFAULT_CALL: TypicalCall = { what: "as in the reference", output_tokens: 400 };

export const TYPICAL_CALLS: Record<string, TypicalCall> = {
  "activity-analyzer": { what: "2 sessions", output_tokens: 250 },
  "activity-progress-generator": { what: "4 sessions and their goals", output_tokens: 500 },
  "activity-transcriber": { what: "1 minute of speech", output_tokens: 200, seconds: 60 },
  "audio-transcribe": { what: "1 minute of speech", output_tokens: 0, seconds: 60 },
  "biometric-insights-analyzer": {
    what: "weight and pulse of 30 days",
    output_tokens: 350,
    body: {
      series: {
        weight_kg: days(30).map((date, day) => ({ date, value: 82 - day / 20 })),
        resting_heart_rate_bpm: days(30).map((date, day) => ({ date, value: 58 - day % 3 })),
      },
    },
  },
  "daily-nutrition-summary": { what: "2 meals of a day", output_tokens: 200 },
  "detect-equipment": { what: "1 photo of a gym with 12 things", output_tokens: 700 },
  "fasting-insights-generator": {
    what: "14 fasts",
    output_tokens: 300,
    body: { fasts: days(14).map((date, day) => ({ date, duration_h: 14 + day % 4 })) },
  },
  "fasting-progression-analyzer": { what: "5 fasts", output_tokens: 250 },
  "fridge-scan-vision": { what: "2 photos with 25 items", output_tokens: 1_200 },
  "generate-morph-insights": { what: "3 scans of 3 morphs", output_tokens: 300 },
  "generate-voice-preview": { what: "2 sentences", output_tokens: 0 },
  "image-generator": { what: "1 picture", output_tokens: 0, body: { count: 1 } },
  "inventory-complementer": { what: "3 items and 2 goals", output_tokens: 500 },
  "inventory-processor": { what: "4 lines", output_tokens: 250 },
  "meal-analyzer": { what: "1 photo with a few words, 3 dishes", output_tokens: 250 },
  "meal-plan-generator": { what: "3 days of 4 meals, none asked twice", output_tokens: 900, calls: 3 },
  "nutrition-trend-analysis": {
    what: "30 days",
    output_tokens: 400,
    body: {
      logs: days(30).map((date, day) => ({
        date,
        energy_kcal: 2_100 + day,
        protein_g: 90,
        carbohydrate_g: 230,
        fat_g: 70,
      })),
      until: "2026-01-30",
      days: 30,
    },
  },
  "recipe-detail-generator": { what: "1 recipe of 8 steps", output_tokens: 800 },
  "recipe-generator": { what: "3 recipes", output_tokens: 1_200 },
  "scan-estimate": { what: "2 photos", output_tokens: 300 },
  "scan-refine-morphs": { what: "1 photo and 2 morphs", output_tokens: 100 },
  "scan-semantic": { what: "2 photos", output_tokens: 200 },
  "shopping-list-generator": { what: "2 recipes", output_tokens: 250 },
  // Ten tokens per second are heard and twenty spoken; at each turn the model gets the whole conversation again.
  "voice-coach-realtime": {
    what: "1 minute in 4 turns, half of it spoken by the coach",
    output_tokens: 0,
    usage: {
      input_tokens: 4 * 600,
      output_tokens: 4 * 40,
      audio_input_tokens: (1 + 2 + 3 + 4) * 75 + (1 + 2 + 3) * 150,
      audio_output_tokens: 30 * 20,
    },
  },
};
