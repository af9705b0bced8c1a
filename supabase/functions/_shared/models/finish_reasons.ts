import type { FailureReason } from "./failures.ts";

/** How an answer ended, independent of the provider's word for it. */
export type Ending = "whole" | "truncated" | "refused" | "cut";

/**
 * Matched by parts of the names, since every server has its own: MAX_TOKENS, model_length,
 * insufficient_system_resource, …
 */
const ENDINGS: [RegExp, Ending][] = [
  [/filter|safety|block|prohibit|recitation|refus|moderat|spii|guardrail|sensitive/i, "refused"],
  [/length|max_?(?:output_?|new_?)?tokens?$|token_limit/i, "truncated"],
  [/error|abort|cancel|fail|time_?out|resource|network|interrupt|preempt|incomplete/i, "cut"],
];

/** What a provider's `finish_reason` means; an unknown one counts as a normal end. */
export function endingOf(finishReason: string | null | undefined): Ending {
  if (finishReason === "stop") return "whole";
  return ENDINGS.find(([name]) => name.test(finishReason ?? ""))?.[1] ?? "whole";
}

/** What is wrong with an answer that arrived; undefined if it is fine. */
export function faultOf(ending: Ending, text: string): FailureReason | undefined {
  const isBlank = text.trim() === "";
  if (ending === "truncated") return isBlank ? "only_reasoning" : "truncated";
  if (ending !== "whole") return ending;
  return isBlank ? "empty" : undefined;
}
