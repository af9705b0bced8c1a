import { AppError } from "./errors.ts";

/** Why a provider gave nothing of use, each with the words that are safe to show. */
const FAILURES = {
  misconfigured: "The AI provider does not accept this server's request",
  rejected: "The AI provider rejected the request",
  rate_limited: "The AI provider is handling too many requests",
  unavailable: "The AI provider is not available",
  unreachable: "The AI provider cannot be reached",
  cut: "The AI provider's answer broke off",
  garbage: "The AI provider's answer cannot be read",
  nonsense: "The AI model's answer is not what was asked for",
  wrong_shape: "The AI model's answer is not what was asked for",
  refused: "The AI model refused to answer",
  empty: "The AI model gave an empty answer",
  truncated: "The AI model's answer was too long and was cut off",
  timeout: "The AI provider took too long",
} as const;

export type FailureReason = keyof typeof FAILURES;

interface FailureFacts {
  model: string;
  /** Not given where an answer arrived whole and is itself at fault. */
  tries?: number;
  status?: number;
  vendorCode?: string;
  detail?: string;
}

/** The cause of an `AppError`, for the log alone: no key, no prompt, of an answer only its fields' names. */
export class ModelFailure extends Error {
  override readonly name = "ModelFailure";

  constructor(
    readonly reason: FailureReason,
    readonly facts: FailureFacts,
  ) {
    super(`${reason} ${JSON.stringify(facts)}`);
  }
}

/** The longest part of a provider's own words that is kept for the log. */
export const MOST_DETAIL_CHARACTERS = 300;
export function failure(reason: FailureReason, facts: FailureFacts): AppError {
  const code = reason === "timeout" ? "provider_timeout" : "provider_error";
  return new AppError(code, FAILURES[reason], { cause: new ModelFailure(reason, facts) });
}
