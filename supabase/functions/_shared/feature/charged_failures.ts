import { AppError, type ErrorCode } from "../platform/errors.ts";
import { type FailureReason, ModelFailure } from "../models/failures.ts";

// Failures that the caller pays for: the model was called, and its answer cannot be returned for a reason that a
// caller can cause. Failures of the provider cost the caller nothing.

/** Failures that certainly come from the caller's words. Always charged. */
const CAUSED_BY_CALLER: ReadonlySet<FailureReason> = new Set(["refused", "truncated"]);
/**
 * Failures that a model may cause by itself, but a caller's words too: charged only if a part of the answer was
 * shown.
 */
const CHARGED_IF_SHOWN: ReadonlySet<FailureReason> = new Set(["nonsense", "wrong_shape", "unfinished"]);

/**
 * Turns a run's failure into the caller's error: `answer_refused` if the caller caused it. `isShown`: drafts of the
 * answer were sent.
 */
export function failureOfRun(error: unknown, isShown: boolean): unknown {
  if (!(error instanceof AppError)) return error;
  const { code, message, details, cause } = error;
  if (code !== "provider_error" && code !== "provider_timeout") return error;
  const isCallersFault = cause instanceof ModelFailure
    ? CAUSED_BY_CALLER.has(cause.reason) || isShown && CHARGED_IF_SHOWN.has(cause.reason)
    : isShown && code === "provider_error";
  return isCallersFault ? new AppError("answer_refused", message, { details, cause }) : error;
}

const BEGINNING = '{"failure":';

/** The failure as the ledger stores it in place of a response, up to the two numbers that the ledger adds. */
export function failureHead({ code, message, details }: AppError): string {
  return `${BEGINNING}${JSON.stringify({ error: code, message, details }).slice(0, -1)},`;
}

/** Whether a stored response is a failure. */
export function isFailure(json: string): boolean {
  return json.startsWith(BEGINNING);
}

/** The stored failure, as the caller got it the first time. */
export function storedFailure(json: string, { isReplay }: { isReplay: boolean }): AppError {
  const { error, message, details, charged, balance } = JSON.parse(json).failure;
  return new AppError(error as ErrorCode, message, {
    details,
    charge: { charged, balance },
    headers: isReplay ? { "Idempotent-Replayed": "true" } : {},
  });
}
