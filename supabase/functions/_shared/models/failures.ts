import { AppError, type ErrorCode } from "../platform/errors.ts";

/** Why a provider gave no usable answer, each with a message that is safe to show. */
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
    "The recording cannot be used: it is too short, damaged, or of an unsupported format; nothing was charged",
  timeout: "The AI provider took too long",
  unfinished: "The AI model was still writing when the time was up",
} as const;

export type FailureReason = keyof typeof FAILURES;

interface FailureFacts {
  model: string;
  /** Undefined if a whole answer arrived and the answer itself is wrong. */
  tries?: number;
  status?: number;
  vendorCode?: string;
  detail?: string;
}

/** The cause of an `AppError`, only for the log: no key, no prompt, and of an answer only the names of its fields. */
export class ModelFailure extends Error {
  override readonly name = "ModelFailure";

  constructor(
    readonly reason: FailureReason,
    readonly facts: FailureFacts,
  ) {
    super(`${reason} ${JSON.stringify(facts)}`);
  }
}

/** The most characters of a provider's message that go to the log. */
export const MAX_DETAIL_CHARACTERS = 300;

/** The caller's error for a failure. `field`: the input field whose content caused it. */
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

/** True if the provider works and the model refused this caller's content: not a failure of the provider. */
export function isRefusedContent(error: unknown): boolean {
  return error instanceof AppError && error.cause instanceof ModelFailure && error.cause.reason === "refused";
}
