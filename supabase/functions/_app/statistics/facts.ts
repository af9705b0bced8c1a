import { z } from "zod";

import { shortList } from "../../_shared/models/answer_bounds.ts";
import { wholeElements } from "../../_shared/feature/drafts.ts";
import { AppError } from "../../_shared/platform/errors.ts";

/** A computed number that an insight may be about. */
export interface Fact {
  id: string;
  value: number;
  unit: string;
}

/** The text about one fact, with the fact's number. */
export const Insight = z.object({
  fact_id: z.string(),
  text: z.string().min(1).max(300),
  value: z.number(),
  unit: z.string(),
});

export type Insight = z.infer<typeof Insight>;

/** The model's answer: a text for each of a few facts, by their ids. */
export function insightsOn(facts: Fact[], most = 5) {
  const ids = facts.map(({ id }) => id) as [string, ...string[]];
  return shortList(z.object({ fact_id: z.enum(ids), text: Insight.shape.text }), { min: 1, max: most });
}

/** The rules for these texts, for a system prompt. */
export const INSIGHT_RULES =
  `Each insight is one or two sentences about exactly one fact, named by its fact_id; use each fact at most once, the ones
that matter most first. Its number is shown beside your text, so write no digits yourself and state no other numbers.
Say what the number means and what could help, never more than it shows: few data or no clear trend is said plainly.
Do not diagnose, name no disease and no drug; where a fact is worrying, advise to see a doctor.`;

/**
 * Adds the computed numbers to the texts, so that none comes from the model. A second text about the same fact is
 * dropped, and so is a text with a number other than its fact's. If no text is left, the answer is unusable.
 */
export function quoting(facts: Fact[], written: Written[]): Insight[] {
  const insights = stated(facts, written);
  if (insights.length > 0) return insights;
  throw new AppError("provider_error", "The AI provider stated numbers that were not computed");
}

/** The part of unfinished insights that may be shown: complete ones, with the computed numbers. */
export function insightsDraft<Name extends string>(facts: Fact[], name: Name) {
  return (written: unknown) => {
    const insights = stated(facts, wholeElements(z.array(WrittenInsight), written, name));
    return insights.length > 0 ? { [name]: insights } : undefined;
  };
}

const WrittenInsight = z.object({ fact_id: z.string(), text: Insight.shape.text });
type Written = z.infer<typeof WrittenInsight>;

/**
 * The texts without any number other than their fact's, one for each fact, in the order in which they were written.
 */
function stated(facts: Fact[], written: Written[]): Insight[] {
  const insights = facts.flatMap(({ id, value, unit }) => {
    const text = written.find(({ fact_id, text }) => fact_id === id && statesOnly(value, text))?.text;
    return text === undefined ? [] : [{ fact_id: id, text, value, unit }];
  });
  const order = written.map(({ fact_id }) => fact_id);
  return insights.toSorted((one, other) => order.indexOf(one.fact_id) - order.indexOf(other.fact_id));
}

/** Whether every number in a text is the given one, rounded in any way and without its sign. */
function statesOnly(value: number, text: string): boolean {
  const roundings = [0, 1, 2, 3, 4].map((digits) => Number(Math.abs(value).toFixed(digits)));
  return [...text.matchAll(/\p{N}+(?:[.,]\p{N}+)*/gu)]
    .every(([stated]) => roundings.includes(Number(stated.replace(",", "."))));
}
