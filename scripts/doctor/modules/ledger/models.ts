import type { Examination, Finding } from "../../finding.ts";

/** Outcomes of provider calls that only the operator can fix, as counted by the functions. */
const MENDABLE: Record<string, Pick<Finding, "why" | "fix">> = {
  only_reasoning: {
    why: "It used the whole limit of the answer for reasoning and gave no answer: each such call is billed",
    fix: "AI_REASONING_EFFORT=low, or more tokens: AI_REASONING_TOKENS=4000; docs/providers.md",
  },
  out_of_funds: {
    why: "The account at the provider is out of funds: no request is answered until it has funds",
    fix: "Pay there, or set AI_BASE_URL and AI_API_KEY to another provider",
  },
  misconfigured: {
    why: "The provider does not accept the key, the model or the route",
    fix:
      "Compare AI_BASE_URL, AI_API_KEY and the model's name with the message in the log; docs/providers.md",
  },
};

/** The failures of AI models since counting began. */
export const modelsExamination: Examination = {
  name: "models",
  async examine({ sql }) {
    const rows = await sql<{ model: string; outcome: string; count: string; calls: string }[]>`
      with calls as (
        select label_values[1] as model, label_values[2] as outcome, count from metrics.request_totals
        where name = 'provider_calls'
      )
      select model, outcome, count, (select sum(count) from calls as others where others.model = calls.model) as calls
      from calls where outcome = any(${Object.keys(MENDABLE)}) and count > 0 order by model, outcome`;
    return rows.map(({ model, outcome, count, calls }) => ({
      severity: "note",
      what: `${count} of ${calls} calls of ${model} ended as ${outcome}`,
      ...MENDABLE[outcome]!,
    }));
  },
};
