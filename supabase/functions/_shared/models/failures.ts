import { AppError, type ErrorCode } from "../platform/errors.ts";

/** Why a provider gave nothing of use, each with the words that are safe to show. */
const FAILURES = {
  misconfigured: "The AI provider does not accept this server's request",
  rejected: "The AI provider rejected the request",
  rate_limited: "The AI provider is handling too many requests",
  out_of_funds: "The AI provider is not available",
  unavailable: "The AI provider is not available",
  unreachable: "The AI provider cannot be reached",
  cut: "The AI provider's answer broke off",
  garbage: "The AI provider's answer cannot be read",
  nonsense: "The AI model's answer is not what was asked for",
  wrong_shape: "The AI model's answer is not what was asked for",
  refused: "The AI model refused to answer",
  empty: "The AI model gave an empty answer",
  truncated: "The AI model's answer was too long and was cut off",
  only_reasoning: "The AI model thought for too long and did not answer",
  unusable_recording:
    "The recording cannot be used: it is too short, damaged, or of a kind that is not taken; nothing was charged",
  timeout: "The AI provider took too long",
  unfinished: "The AI model was still writing when the time was over",
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
export const MAX_DETAIL_CHARACTERS = 300;

/** A failure as the caller hears of it. `field` is the caller's, where what it holds is at fault. */
export function failure(reason: FailureReason, facts: FailureFacts, field?: string): AppError {
  const message = FAILURES[reason];
  return new AppError(codeOf(reason), message, {
    cause: new ModelFailure(reason, facts),
    ...field !== undefined && { details: [{ path: field, code: "custom", message }] },
  });
}

function codeOf(reason: FailureReason): ErrorCode {
  if (reason === "timeout" || reason === "unfinished") return "provider_timeout";
  return reason === "unusable_recording" ? "invalid_request" : "provider_error";
}

/** True where the provider works and the model would not answer this caller: no failure of the provider. */
export function isRefusedContent(error: unknown): boolean {
  return error instanceof AppError && error.cause instanceof ModelFailure && error.cause.reason === "refused";
}
