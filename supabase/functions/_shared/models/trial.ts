import { z } from "zod";

import { AppError } from "../platform/errors.ts";
import { modelsConfig } from "./config.ts";
import { ModelFailure } from "./failures.ts";
import { createModels } from "./models.ts";
import { modelSettings } from "./settings.ts";

/** What came of asking the text model. */
export interface ModelTrial {
  model: string;
  outcome: "good" | "bad";
  /** In words, for operators: no key, no answer. */
  message: string;
  duration_ms: number;
}

const Answer = z.object({ sum: z.number() });
const ANSWER_TOKENS = 100;

/**
 * Asks the text model for a small object, as a feature does, with its retries and dialects. The provider bills a few
 * tokens. Throws `internal` for a setting that does not fit.
 */
export async function tryTextModel(): Promise<ModelTrial> {
  const config = modelsConfig();
  const startedAtMs = performance.now();
  const maxOutputTokens = ANSWER_TOKENS + modelSettings().AI_REASONING_TOKENS;
  const models = createModels({ config, maxOutputTokens });
  const ended = (outcome: ModelTrial["outcome"], message: string): ModelTrial => ({
    model: config.textModel,
    outcome,
    message,
    duration_ms: Math.round(performance.now() - startedAtMs),
  });
  try {
    await models.object({ schema: Answer, system: "You add numbers.", user: "What is 2 + 2?" });
    return ended("good", "It gave the object that was asked for");
  } catch (error) {
    if (!(error instanceof AppError) || !(error.cause instanceof ModelFailure)) throw error;
    const { reason, facts } = error.cause;
    const status = facts.status === undefined ? "" : `HTTP ${facts.status}`;
    return ended("bad", [reason, status, facts.vendorCode, facts.detail].filter(Boolean).join(", "));
  }
}
