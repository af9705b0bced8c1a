import type { Examination } from "../../finding.ts";

/** Longer than AI_TIMEOUT_MS may be. */
const TIMEOUT_MS = 160_000;

/** Whether the text model answers where the functions run. Only when it is asked for: the provider bills it. */
export const modelTrialExamination: Examination = {
  name: "text model",
  async examine({ url, secretKey, asksModels, isLocal }) {
    if (!asksModels) return [];
    if (!url || !secretKey) {
      return [{
        severity: "note",
        what: "The text model was not asked",
        why: "Only the functions have its key and its address",
        fix: "Run it with --url and the project's secret key in SUPABASE_SECRET_KEY",
      }];
    }
    const response = await fetch(`${url}/functions/v1/account/try-model`, {
      method: "POST",
      headers: { "apikey": secretKey, "Content-Type": "application/json" },
      body: "{}",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await response.text();
    if (!response.ok) {
      throw new Error(`account/try-model answered HTTP ${response.status} ${text.slice(0, 200)}`);
    }
    const { model, outcome, message } = JSON.parse(text) as Record<"model" | "outcome" | "message", string>;
    if (outcome === "good") return [];
    return [{
      severity: "missing",
      what: `The text model ${model} does not answer: ${message}`,
      why: "Every AI feature fails as this did",
      fix: `${
        isLocal ? "supabase/functions/.env" : "supabase secrets set"
      }: AI_BASE_URL, AI_API_KEY and AI_TEXT_MODEL; docs/providers.md`,
    }];
  },
};
