import type { ErrorCode } from "./features.ts";

/** The type of `details`, for the codes that have it. */
export interface ErrorDetails {
  invalid_request: { path: string; code: string; message: string }[];
  insufficient_tokens: { required: number; available: number };
  member_cap_reached: {
    cap_tokens: number;
    spent: number;
    held: number;
    required: number;
    resets_at: string;
  };
  response_not_stored: { charged: number; balance: number };
  payload_too_large: { max_bytes: number };
}

type DetailsOf<Code extends ErrorCode> = Code extends keyof ErrorDetails ? ErrorDetails[Code] : unknown;

/** A failed call; with the code `network_error` there was no response at all. */
export class TesseraError<Code extends ErrorCode | "network_error" = ErrorCode | "network_error">
  extends Error {
  override readonly name = "TesseraError";
  readonly code: Code;
  /** The HTTP status; 0 without a response. */
  readonly status: number;
  /** Identifies the request in the ledger and the log. */
  readonly requestId: string | undefined;
  readonly details: Code extends ErrorCode ? DetailsOf<Code> : unknown;
  /** Tokens charged although the call failed; null if unknown yet, undefined for none. */
  readonly charged: number | null | undefined;
  /** Call again with this key: the request is charged once, whatever happened to the first try. */
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

/** Narrows an error to a code, so that `details` has its type: `hasCode(error, "insufficient_tokens")`. */
export function hasCode<Code extends ErrorCode | "network_error">(
  error: unknown,
  code: Code,
): error is TesseraError<Code> {
  return error instanceof TesseraError && error.code === code;
}
