import { z } from "zod";

import { AppError } from "../platform/errors.ts";
import { modelsConfig } from "./config.ts";
import { ModelFailure } from "./failures.ts";
import { createModels } from "./models.ts";
import { modelSettings } from "./settings.ts";

/** The result of a test request to the text model. */
export interface ModelTrial {
  model: string;
  outcome: "good" | "bad";
  /** In words, for operators; without the key or the answer. */
  message: string;
  duration_ms: number;
}

const Answer = z.object({ sum: z.number() });
const ANSWER_TOKENS = 100;

/**
 * Requests a small object from the text model, as a feature does, with retries and dialects. The provider bills a few
 * tokens. Throws `internal` for an invalid setting.
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
    return ended("good", "It returned the requested object");
  } catch (error) {
    if (!(error instanceof AppError) || !(error.cause instanceof ModelFailure)) throw error;
    const { reason, facts } = error.cause;
    const status = facts.status === undefined ? "" : `HTTP ${facts.status}`;
    return ended("bad", [reason, status, facts.vendorCode, facts.detail].filter(Boolean).join(", "));
  }
}
