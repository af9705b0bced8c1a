/** Every error code a caller can see, with its HTTP status. Codes are part of the API: never renamed. */
export const STATUS = {
  invalid_request: 400,
  unauthorized: 401,
  insufficient_tokens: 402,
  spend_cap_reached: 402,
  forbidden: 403,
  account_paused: 403,
  member_cap_reached: 403,
  not_found: 404,
  method_not_allowed: 405,
  request_in_progress: 409,
  authorization_required: 409,
  last_owner: 409,
  wallet_limit_reached: 409,
  wallet_not_empty: 409,
  response_not_stored: 410,
  token_expired: 410,
  otp_expired: 410,
  payload_too_large: 413,
  unsupported_media_type: 415,
  answer_refused: 422,
  idempotency_key_reused: 422,
  otp_incorrect: 422,
  otp_unsupported_number: 422,
  upgrade_required: 426,
  otp_too_many_attempts: 429,
  otp_too_many_sends: 429,
  rate_limited: 429,
  internal: 500,
  otp_delivery_failed: 502,
  provider_error: 502,
  service_unavailable: 503,
  provider_timeout: 504,
} as const;

export type ErrorCode = keyof typeof STATUS;

/** What a failure cost although it failed. `charged` null: it is not known whether anything was charged. */
export interface FailureCharge {
  charged: number | null;
  balance?: number | null;
}

/** A failure for the caller, who gets `message`, `details` and `charge`. `cause` goes only to the log. */
export class AppError extends Error {
  override readonly name = "AppError";
  readonly details?: unknown;
  readonly headers: Record<string, string>;
  /** Undefined where nothing was charged. */
  readonly charge?: FailureCharge;

  constructor(
    readonly code: ErrorCode,
    message: string,
    options: {
      details?: unknown;
      cause?: unknown;
      headers?: Record<string, string>;
      charge?: FailureCharge;
    } = {},
  ) {
    super(message, { cause: options.cause });
    this.details = options.details;
    this.headers = options.headers ?? {};
    this.charge = options.charge;
  }
}

/** Turns anything thrown into an AppError. An unexpected error becomes `internal`, with its cause for the log. */
export function toAppError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  return new AppError("internal", "Something went wrong on our side; nothing was charged", { cause: thrown });
}

/** The only place where a failure becomes an HTTP response. */
export function errorResponse(error: AppError, requestId: string): Response {
  const { code, message, details, charge } = error;
  const body = { error: code, message, request_id: requestId, details, ...charge };
  return Response.json(body, { status: STATUS[error.code], headers: error.headers });
}
