import { APICallError } from "@ai-sdk/provider";

import { type Dialect, type Lesson, lessonOf } from "./dialect.ts";
import type { ModelsConfig } from "./provider.ts";
import { refusalOfError } from "./provider_errors.ts";

/** How many refusals of one request are followed by another form of it. */
const MAX_LESSONS = 6;

/** What a refused try teaches about the server; undefined if another form of the request would not help. */
export function lessonFrom(
  error: unknown,
  { dialect, sent, taken, config }: {
    dialect: Dialect;
    sent: Record<string, unknown>;
    taken: ReadonlySet<string>;
    config: ModelsConfig;
  },
): Lesson | undefined {
  if (!APICallError.isInstance(error) || taken.size >= MAX_LESSONS) return undefined;
  const { status, words, isOfFunds, isOfContent, isOfAnswer } = refusalOfError(error);
  if (status === undefined || isOfFunds || isOfContent || isOfAnswer) return undefined;
  const isFormFixed = ![undefined, "auto"].includes(config.structuredOutput);
  return lessonOf(dialect, { status, words, body: sent, isFormFixed }, taken);
}
