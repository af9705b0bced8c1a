import { AppError, type ErrorCode } from "../platform/errors.ts";
import { type FailureReason, ModelFailure } from "../models/failures.ts";

// Failures that their caller pays for: the model was asked, and what it answered may not be given for a reason that a
// caller can bring about. What a provider breaks costs its caller nothing.

/** What a model makes of what it is asked. Only a caller's words lead to it for certain, and only these are charged for. */
const CALLERS: ReadonlySet<FailureReason> = new Set(["refused", "truncated"]);
/** What a model may do by itself: the caller's where a part of the answer was shown, as words can bring it about too. */
const ANSWERS: ReadonlySet<FailureReason> = new Set(["nonsense", "wrong_shape", "unfinished"]);

/**
 * A failure of a run as its caller is told of it: `answer_refused` for one of the caller's own doing. `isShown`: drafts of
 * the answer were sent.
 */
export function failureOfRun(error: unknown, isShown: boolean): unknown {
  if (!(error instanceof AppError)) return error;
  const { code, message, details, cause } = error;
  if (code !== "provider_error" && code !== "provider_timeout") return error;
  const isCallers = cause instanceof ModelFailure
    ? CALLERS.has(cause.reason) || isShown && ANSWERS.has(cause.reason)
    : isShown && code === "provider_error";
  return isCallers ? new AppError("answer_refused", message, { details, cause }) : error;
}

const BEGINNING = '{"failure":';

/** What the ledger keeps in place of an answer, up to the two numbers that it adds. */
export function failureHead({ code, message, details }: AppError): string {
  return `${BEGINNING}${JSON.stringify({ error: code, message, details }).slice(0, -1)},`;
}

/** Whether what the ledger kept is a failure. */
export function isFailure(json: string): boolean {
  return json.startsWith(BEGINNING);
}

/** The failure that was kept, as it was told the first time. */
export function storedFailure(json: string, { isReplay }: { isReplay: boolean }): AppError {
  const { error, message, details, charged, balance } = JSON.parse(json).failure;
  return new AppError(error as ErrorCode, message, {
    details,
    charge: { charged, balance },
    headers: isReplay ? { "Idempotent-Replayed": "true" } : {},
  });
}
