import type { ErrorCode } from "./features.ts";

/** What `details` tells, for the codes that tell something. */
export interface ErrorDetails {
  invalid_request: { path: string; code: string; message: string }[];
  insufficient_tokens: { required: number; available: number };
  response_not_stored: { charged: number; balance: number };
  payload_too_large: { max_bytes: number };
}

type DetailsOf<Code extends ErrorCode> = Code extends keyof ErrorDetails ? ErrorDetails[Code] : unknown;

/** An answer that is a failure, or, with the code `network_error`, no answer at all. */
export class TesseraError<Code extends ErrorCode | "network_error" = ErrorCode | "network_error">
  extends Error {
  override readonly name = "TesseraError";
  readonly code: Code;
  /** The HTTP status; 0 where there was no answer. */
  readonly status: number;
  /** Names the request in the ledger and the log. */
  readonly requestId: string | undefined;
  readonly details: Code extends ErrorCode ? DetailsOf<Code> : unknown;
  /** Tokens that were charged all the same; null where nobody knows yet, undefined for none. */
  readonly charged: number | null | undefined;
  /** Send it again with this key, and it is charged once whatever became of the first try. */
  readonly idempotencyKey: string | undefined;

  constructor(
    code: Code,
    message: string,
    { status = 0, requestId, details, charged, idempotencyKey, cause }: {
      status?: number;
      requestId?: string;
      details?: unknown;
      charged?: number | null;
      idempotencyKey?: string;
      cause?: unknown;
    } = {},
  ) {
    super(message, { cause });
    this.code = code;
    this.status = status;
    this.requestId = requestId;
    this.details = details as typeof this.details;
    this.charged = charged;
    this.idempotencyKey = idempotencyKey;
  }
}

/** Tells which failure it is, so that `details` has its type: `hasCode(error, "insufficient_tokens")`. */
export function hasCode<Code extends ErrorCode | "network_error">(
  error: unknown,
  code: Code,
): error is TesseraError<Code> {
  return error instanceof TesseraError && error.code === code;
}
